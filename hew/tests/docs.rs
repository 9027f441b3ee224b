//! Pages that are made from code are what the code makes. `HEW_BLESS=1 cargo test --test docs` writes them.

use std::path::Path;

use hew_core::settings::docs::render_config_page;

#[test]
fn the_page_on_settings_is_made_from_the_table_of_keys() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/config.md");
    let wanted = render_config_page();
    if std::env::var_os("HEW_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &wanted).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == wanted,
        "docs/config.md is not up to date; run `HEW_BLESS=1 cargo test -p hew --test docs`"
    );
}

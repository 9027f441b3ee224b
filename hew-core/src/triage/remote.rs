//! Whether a remote of a repository is where an event came from.

/// The remote is `owner/name` on some host. Hosts are not compared: a person may reach GitHub under a name of their own.
pub fn is_of_repository(url: &str, repository: &str) -> bool {
    path_of(url).is_some_and(|path| {
        let path = path.trim_matches('/');
        path.strip_suffix(".git").unwrap_or(path).eq_ignore_ascii_case(repository)
    })
}

/// The path on its host; none where the remote is a folder.
fn path_of(url: &str) -> Option<&str> {
    let url = url.trim();
    if let Some((scheme, rest)) = url.split_once("://") {
        let is_on_host = ["https", "http", "ssh", "git", "git+ssh", "ssh+git"].contains(&scheme);
        return is_on_host.then_some(rest)?.split_once('/').map(|(_, path)| path);
    }
    // `host:path`, but not `./a:b`.
    let (host, path) = url.split_once(':')?;
    (!host.is_empty() && !host.contains('/')).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_remote_is_known() {
        for url in [
            "https://github.com/acme/widgets",
            "https://github.com/acme/widgets.git",
            "https://me:token@github.com/Acme/Widgets.git/",
            "ssh://git@github.com:22/acme/widgets.git",
            "git@github.com:acme/widgets.git",
            "work:acme/widgets",
            "git://ghe.example.com/acme/widgets",
        ] {
            assert!(is_of_repository(url, "acme/widgets"), "{url}");
        }
        for url in [
            "https://github.com/acme/widgets2",
            "https://github.com/other/acme/widgets",
            "https://github.com/xacme/widgets",
            "git@github.com:acme/widgets/more.git",
            "/srv/git/acme/widgets.git",
            "acme/widgets",
            "./x:acme/widgets",
            "file:///acme/widgets",
            "file://acme/widgets",
            "",
        ] {
            assert!(!is_of_repository(url, "acme/widgets"), "{url}");
        }
    }
}

'use strict';
(() => {
  const all = (query, within = document) => [...within.querySelectorAll(query)];
  const make = (name, fields) => Object.assign(document.createElement(name), fields);

  // Sorting: tables of one list are sorted as one.
  const lists = new Map();
  for (const table of all('table')) {
    const list = table.closest('.tables') ?? table;
    lists.set(list, [...(lists.get(list) ?? []), table]);
  }
  const keyOf = (row, column) => {
    const cell = row.cells[column];
    const figure = cell.dataset.v;
    return figure === undefined ? cell.textContent.trim() : figure === '' ? -1 : Number(figure);
  };
  const compare = (a, b) => (typeof a === 'number' && typeof b === 'number' ? a - b : String(a).localeCompare(String(b), undefined, { numeric: true }));
  const sort = (tables, column, descending) => {
    const rows = tables.flatMap((table) => [...table.tBodies[0].rows]);
    const sizes = tables.map((table) => table.tBodies[0].rows.length);
    const keyed = rows.map((row) => [keyOf(row, column), row]);
    keyed.sort(([a], [b]) => (descending ? compare(b, a) : compare(a, b)));
    let from = 0;
    tables.forEach((table, number) => {
      table.tBodies[0].append(...keyed.slice(from, from + sizes[number]).map(([, row]) => row));
      from += sizes[number];
      [...table.tHead.rows[0].cells].forEach((cell, at) => {
        if (at === column) cell.setAttribute('aria-sort', descending ? 'descending' : 'ascending');
        else cell.removeAttribute('aria-sort');
      });
    });
  };
  for (const tables of lists.values()) {
    if (tables.reduce((sum, table) => sum + table.tBodies[0].rows.length, 0) < 2) continue;
    for (const table of tables) {
      [...table.tHead.rows[0].cells].forEach((cell, column) => {
        const button = make('button', { type: 'button', textContent: cell.textContent });
        button.addEventListener('click', () => {
          const now = cell.getAttribute('aria-sort');
          sort(tables, column, now ? now === 'ascending' : cell.classList.contains('n'));
        });
        cell.replaceChildren(button);
      });
    }
  }

  // Filtering the tasks; "/" goes there.
  for (const list of all('[data-filter]')) {
    const rows = all('tbody tr', list);
    if (rows.length < 8) continue;
    const input = make('input', { type: 'search', autocomplete: 'off' });
    const label = make('label', { textContent: 'Filter by id, title or outcome' });
    const said = make('span', { className: 'soft' });
    said.setAttribute('role', 'status');
    label.append(input, ' ', said);
    list.prepend(label);
    const texts = new Map();
    input.addEventListener('input', () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const row of rows) {
        if (!texts.has(row)) texts.set(row, row.textContent.toLowerCase());
        row.hidden = !words.every((word) => texts.get(row).includes(word));
        shown += row.hidden ? 0 : 1;
      }
      for (const chunk of all('.chunk', list)) chunk.hidden = !chunk.querySelector('tbody tr:not([hidden])');
      said.textContent = words.length ? `${shown} of ${rows.length}` : '';
    });
    document.addEventListener('keydown', (event) => {
      const isTyping = event.target.closest?.('input, textarea, [contenteditable]');
      if (event.key !== '/' || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      input.focus();
    });
  }

  // From a bar to its task's row.
  for (const bar of all('.bar')) {
    const row = document.getElementById(`row-${bar.dataset.t}`);
    if (!row) continue;
    bar.style.cursor = 'pointer';
    bar.addEventListener('click', () => { location.hash = row.id; });
  }

  // On paper everything is open.
  let closed = [];
  addEventListener('beforeprint', () => {
    closed = all('details:not([open])');
    for (const details of closed) details.open = true;
  });
  addEventListener('afterprint', () => { for (const details of closed) details.open = false; });
})();

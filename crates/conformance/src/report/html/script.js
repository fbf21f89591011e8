(() => {
  'use strict';
  const form = document.getElementById('filter');
  const shown = document.getElementById('shown');
  const cases = [...document.querySelectorAll('.case')];
  const words = new Map();
  // The words of a case: its line, what is said of it, and not its log.
  const text = (one) => {
    if (!words.has(one)) {
      const parts = one.querySelectorAll('summary .id, summary .t, dl, .seen p');
      words.set(one, [...parts].map((part) => part.textContent).join(' ').toLowerCase());
    }
    return words.get(one);
  };
  const apply = () => {
    const verdict = form.elements.v.value;
    const section = form.elements.s.value;
    const wanted = form.elements.q.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const one of cases) {
      const fits = (!verdict || one.classList.contains(verdict))
        && (!section || one.closest('.sec').dataset.s === section)
        && wanted.every((word) => text(one).includes(word));
      one.hidden = !fits;
      count += fits;
    }
    for (const part of document.querySelectorAll('.grp, .sec')) {
      part.hidden = !part.querySelector('.case:not([hidden])');
    }
    shown.textContent = `${count} of ${cases.length} cases`;
  };
  // What is filtered by is in the address, so that it can be passed on.
  const keep = () => {
    const state = new URLSearchParams();
    for (const name of ['v', 's', 'q']) {
      if (form.elements[name].value) state.set(name, form.elements[name].value);
    }
    const hash = `${state}` ? `#?${state}` : '#';
    try { history.replaceState(null, '', hash); } catch { /* a page that has no address */ }
    apply();
  };
  const follow = () => {
    const hash = location.hash.slice(1);
    if (hash.startsWith('?')) {
      const state = new URLSearchParams(hash.slice(1));
      for (const name of ['v', 's', 'q']) form.elements[name].value = state.get(name) ?? '';
      apply();
      return;
    }
    const target = hash && document.getElementById(hash);
    const one = target && target.closest('.case, .sec');
    if (!one) { apply(); return; }
    if (one.hidden) form.reset();
    apply();
    if (one.matches('.case')) {
      one.open = true;
      one.querySelector('summary').focus({ preventScroll: true });
    }
    one.scrollIntoView();
  };
  const open = (wanted) => {
    for (const one of cases) if (!wanted || !one.hidden) one.open = wanted;
  };
  form.hidden = false;
  form.addEventListener('input', keep);
  form.addEventListener('submit', (event) => event.preventDefault());
  form.addEventListener('reset', () => setTimeout(keep));
  form.elements.open.addEventListener('click', () => open(true));
  form.elements.close.addEventListener('click', () => open(false));
  addEventListener('hashchange', follow);
  follow();
})();

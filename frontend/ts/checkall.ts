/** A box that ticks all boxes of its form; without script it is not there. */
export function enhanceCheckAll(label: HTMLElement): void {
  const all = label.querySelector("input");
  const form = label.closest("form");
  if (!all || !form) return;
  label.hidden = false;
  all.addEventListener("change", () => {
    form.querySelectorAll<HTMLInputElement>("input[type=checkbox][name]").forEach((box) => (box.checked = all.checked));
  });
}

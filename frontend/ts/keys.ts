/** Keys that press buttons and links of a part of the page, while the focus is in it and not on a field. Each says its key. */
export function enhanceKeys(part: HTMLElement): void {
  part.querySelectorAll<HTMLElement>("kbd[hidden]").forEach((key) => (key.hidden = false));
  part.addEventListener("keydown", (event) => {
    const field = event.target instanceof HTMLElement && event.target.matches("input, textarea, select");
    if (field || event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
    const pressed = part.querySelector<HTMLElement>(`[data-key="${CSS.escape(event.key.toLowerCase())}"]`);
    if (!pressed) return;
    event.preventDefault();
    pressed.click();
  });
}

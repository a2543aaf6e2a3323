/** A button that copies the text of the element it names. It is hidden where copying is not to be had. */
export function enhanceCopy(button: HTMLElement): void {
  const source = document.getElementById(button.dataset.copy ?? "");
  if (!source || !navigator.clipboard) return;
  const label = button.textContent;
  button.hidden = false;
  button.addEventListener("click", () => {
    void navigator.clipboard.writeText((source.textContent ?? "").trim()).then(() => {
      button.textContent = button.dataset.copied ?? label;
      setTimeout(() => (button.textContent = label), 3000);
    });
  });
}

/** Count the picked tiles aloud. `data-picks` holds one translated line for each possible number. */
export function enhancePicks(form: HTMLFormElement): void {
  const hint = form.querySelector<HTMLElement>("[data-picks-hint]");
  const lines = JSON.parse(form.dataset.picks ?? "[]") as string[];
  const show = (): void => {
    const picked = form.querySelectorAll("input[type=checkbox]:checked").length;
    if (hint) hint.textContent = lines[picked] ?? "";
  };
  form.addEventListener("change", show);
  show();
}

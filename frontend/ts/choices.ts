/** The button looks ready once something is chosen. Sending without a choice stays possible: the server says what is missing. */
export function enhanceChoices(form: HTMLFormElement): void {
  const button = form.querySelector<HTMLButtonElement>("button.primary");
  if (!button) return;
  const show = (): void => {
    const chosen = form.querySelector("input[type=radio]:checked") !== null;
    button.setAttribute("aria-disabled", String(!chosen));
    form.querySelectorAll<HTMLElement>("[data-until-chosen]").forEach((hint) => (hint.hidden = chosen));
  };
  form.addEventListener("change", show);
  show();
}

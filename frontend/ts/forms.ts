/** Once a form is on its way, a second tap does nothing, and a button's `data-wait` says what takes so long. A form marked
 *  `data-guard` warns before its changes are lost. */

import { markSent } from "./drafts.js";

let unsaved = false;

export function enhanceForm(form: HTMLFormElement): void {
  if (form.dataset.guard !== undefined) {
    form.addEventListener("input", () => (unsaved = true));
  }
  form.addEventListener("submit", (event) => {
    if (event.defaultPrevented) return;
    if (form.dataset.sending !== undefined) {
      event.preventDefault();
      return;
    }
    form.dataset.sending = "";
    unsaved = false;
    markSent(form);
    const wait = event.submitter?.dataset.wait;
    const status = form.querySelector("[role=status]");
    if (wait && status) status.textContent = wait;
  });
}

/** A page that comes back from the browser's memory may be sent again, under keys of its own. */
export function wakeForms(): void {
  window.addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    document.querySelectorAll<HTMLFormElement>("form[data-sending]").forEach((form) => delete form.dataset.sending);
    document.querySelectorAll<HTMLInputElement>("input[name=idempotency_key]").forEach(renewKey);
  });
  window.addEventListener("beforeunload", (event) => {
    if (unsaved) event.preventDefault();
  });
}

function renewKey(input: HTMLInputElement): void {
  // randomUUID needs a secure context; a test server on a local network has none.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  input.value = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

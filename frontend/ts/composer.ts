/* The talk: the answer appears sentence by sentence. Whatever goes wrong, the plain form is sent instead. */

import { events } from "./stream.js";

const SLOW = 8000; // milliseconds after which a person wants to know that nothing is broken

/** `enhance` prepares what the new page brings. */
export function enhanceComposer(form: HTMLFormElement, enhance: (root: ParentNode) => void): void {
  const area = form.querySelector("textarea");
  if (!area) return;
  area.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      form.requestSubmit(form.querySelector<HTMLButtonElement>("button.primary"));
    }
  });
  if (form.dataset.composer !== "stream") return;
  form.addEventListener("submit", (event) => {
    const button = event.submitter as HTMLButtonElement | null;
    // "Skip" and "I've said enough" have a name; only the answer itself is streamed.
    if (button?.name || !area.value.trim()) return;
    event.preventDefault();
    if (form.dataset.sending !== undefined) return;
    form.dataset.sending = "";
    void send(form, area, enhance);
  });
}

async function send(form: HTMLFormElement, area: HTMLTextAreaElement, enhance: (root: ParentNode) => void): Promise<void> {
  const body = new FormData(form);
  const reply = showTurns(form, area.value);
  const status = form.querySelector("[role=status]");
  let saved = false;
  const slow = setTimeout(() => {
    if (saved && status) status.textContent = form.dataset.slow ?? "";
  }, SLOW);
  try {
    const response = await fetch(form.action, { method: "POST", body, headers: { Accept: "text/event-stream" } });
    if (!response.body || !response.headers.get("Content-Type")?.startsWith("text/event-stream")) {
      throw new Error("this answer is no stream");
    }
    for await (const event of events(response.body)) {
      if (event.name === "saved") {
        saved = true;
        area.value = "";
        if (status) status.textContent = form.dataset.saved ?? "";
      } else if (event.name === "say") {
        const { text } = JSON.parse(event.data) as { text: string };
        clearTimeout(slow);
        reply.append(reply.textContent ? " " : "", text);
        reply.scrollIntoView({ block: "nearest" });
      }
    }
    await refresh(enhance);
  } catch {
    // What was saved is on the page when it loads again. What was not is sent the plain way, under the same key.
    if (saved) location.reload();
    else form.submit();
  } finally {
    clearTimeout(slow);
  }
}

/** Show what was just said, and return the room for the guide's answer. */
function showTurns(form: HTMLFormElement, text: string): HTMLElement {
  const template = form.querySelector<HTMLTemplateElement>("template")!;
  const turns = template.content.cloneNode(true) as DocumentFragment;
  turns.querySelector("[data-said]")!.textContent = text;
  const reply = turns.querySelector<HTMLElement>("[data-reply]")!;
  document.querySelector(".chat")?.append(turns);
  reply.scrollIntoView({ block: "nearest" });
  return reply;
}

/** Take over the page as the server now has it, or go where it leads. */
async function refresh(enhance: (root: ParentNode) => void): Promise<void> {
  const response = await fetch(location.href, { headers: { Accept: "text/html" } });
  const old = document.querySelector("main");
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const fresh = page.querySelector("main");
  if (!response.ok || response.redirected || !old || !fresh) {
    location.assign(response.redirected ? response.url : location.href);
    return;
  }
  const begun = old.querySelector<HTMLTextAreaElement>("form[data-composer] textarea")?.value;
  const area = fresh.querySelector<HTMLTextAreaElement>("form[data-composer] textarea");
  old.replaceWith(fresh);
  enhance(fresh);
  if (area && begun) {
    // The person already wrote on while the guide was answering.
    area.value = begun;
    area.dispatchEvent(new Event("input"));
  }
  area?.focus({ preventScroll: true });
  fresh.querySelector(".chat > :last-child")?.scrollIntoView({ block: "nearest" });
}

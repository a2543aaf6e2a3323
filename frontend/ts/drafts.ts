/** What is being written stays on this device until it is sent, so that nothing is lost to a closed tab or a dead line. */

const PREFIX = "folkmoot:draft:";
const SENT = "folkmoot:sent";

/** Keep the text of `area` under its `data-draft` name; "talk:<interview>:7" replaces what "talk:<interview>:…" kept. */
export function keepDraft(area: HTMLTextAreaElement): void {
  const name = PREFIX + (area.dataset.draft ?? "");
  forget((key) => key !== name && key.startsWith(name.slice(0, name.lastIndexOf(":") + 1)));
  const kept = read(name);
  if (kept && !area.value) area.value = kept;
  // Whoever goes back finds in the field what the browser remembers: an answer that was sent long ago. No draft, no text.
  const clear = (): void => {
    if (!read(name) && keeps()) area.value = area.defaultValue;
  };
  window.addEventListener("pageshow", clear, { once: true });
  area.addEventListener("input", () => write(name, area.value));
}

/** Note that what is written in `form` is on its way. */
export function markSent(form: HTMLFormElement): void {
  const names = Array.from(form.querySelectorAll<HTMLElement>("[data-draft]"), (area) => PREFIX + area.dataset.draft);
  if (names.length) write(SENT, JSON.stringify(names));
}

/** Remove what was sent, now that the next page is here. One that asks for the same text again has not taken it. */
export function forgetSent(): void {
  const sent = JSON.parse(read(SENT) ?? "[]") as string[];
  const asked = Array.from(document.querySelectorAll<HTMLElement>("[data-draft]"), (area) => PREFIX + area.dataset.draft);
  forget((key) => sent.includes(key) && !asked.includes(key));
  write(SENT, "");
}

/** Remove every draft from this device: the person took their answers back, or leaves a device that is not theirs. */
export function forgetDrafts(): void {
  forget(() => true);
}

// Private windows may refuse storage; then there simply is no draft.
function read(name: string): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

function keeps(): boolean {
  write(SENT, "[]");
  return read(SENT) !== null;
}

function write(name: string, text: string): void {
  try {
    if (text) localStorage.setItem(name, text);
    else localStorage.removeItem(name);
  } catch {
    return;
  }
}

function forget(matches: (key: string) => boolean): void {
  try {
    Object.keys(localStorage)
      .filter((key) => key.startsWith(PREFIX) && matches(key))
      .forEach((key) => localStorage.removeItem(key));
  } catch {
    return;
  }
}

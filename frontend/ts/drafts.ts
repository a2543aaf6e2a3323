/** What is being written stays on this device until it is sent, so that nothing is lost to a closed tab or a dead line. */

const PREFIX = "folkmoot:draft:";

/** Keep the text of `area` under its `data-draft` name; "talk:<interview>:7" replaces what "talk:<interview>:…" kept. */
export function keepDraft(area: HTMLTextAreaElement): void {
  const name = PREFIX + (area.dataset.draft ?? "");
  forget((key) => key !== name && key.startsWith(name.slice(0, name.lastIndexOf(":") + 1)));
  const kept = read(name);
  if (kept && !area.value) area.value = kept;
  area.addEventListener("input", () => write(name, area.value));
}

/** Remove every draft from this device: the person took their answers back. */
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

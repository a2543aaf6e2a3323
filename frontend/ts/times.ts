/** Say a time in the reader's own time zone. The page has it in UTC, or, for "clock", leaves it out. */
export function sayLocalTime(element: HTMLElement): void {
  const when = new Date((element as HTMLTimeElement).dateTime);
  element.textContent =
    element.dataset.local === "clock"
      ? when.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })
      : when.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}

/** A return link carries its code in the fragment, which is never sent. Put it into the field, and clean the address. */
export function takeCodeFromAddress(field: HTMLElement): void {
  const code = location.hash.slice(1);
  if (!code) return;
  (field as HTMLInputElement).value = code;
  history.replaceState(null, "", location.pathname + location.search);
}

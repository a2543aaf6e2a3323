/** On a screen that is narrower than the picture, begin where the marked value is, not at the empty edge. */
export function showMarked(graph: HTMLElement): void {
  const box = graph.closest<HTMLElement>(".scroll");
  const marked = graph.querySelector(".on");
  if (!box || !marked) return;
  const from = box.getBoundingClientRect();
  const at = marked.getBoundingClientRect();
  box.scrollLeft += at.left + at.width / 2 - (from.left + from.width / 2);
}

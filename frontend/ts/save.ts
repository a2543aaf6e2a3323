/** Save the picture as it is shown, with its looks written into it: as SVG, or drawn as PNG. */

const LOOKS = [
  "fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-linejoin", "opacity", "paint-order", "font-family", "font-size",
  "font-weight",
];
const SVG = "http://www.w3.org/2000/svg";
const SHARPNESS = 2;
const LARGEST = 16_000; // pixels that a canvas may be high or wide

export function saveable(): void {
  document.querySelectorAll<HTMLElement>("[data-save]").forEach((row) => {
    row.hidden = !document.querySelector("#picture .graph");
    row.addEventListener("click", (event) => {
      const kind = (event.target as Element).closest("button")?.value;
      const graph = document.querySelector<SVGSVGElement>("#picture .scroll > .graph");
      if (!kind || !graph) return;
      const alone = standalone(graph);
      const text = new XMLSerializer().serializeToString(alone);
      const name = `${row.dataset.save}.${kind}`;
      if (kind === "svg") hand(new Blob([text], { type: "image/svg+xml" }), name);
      else void paint(text, alone).then((image) => image && hand(image, name));
    });
  });
}

/** Return a copy that looks the same without our styles: what is hidden is left out, and links are none. */
function standalone(graph: SVGSVGElement): SVGSVGElement {
  const copy = graph.cloneNode(true) as SVGSVGElement;
  const shown = [...graph.querySelectorAll<SVGElement>("*")];
  [...copy.querySelectorAll<SVGElement>("*")].forEach((element, i) => {
    const looks = getComputedStyle(shown[i]!);
    if (looks.display === "none" || element.matches(".hit")) element.classList.add("gone");
    for (const look of LOOKS) element.setAttribute(look, looks.getPropertyValue(look));
  });
  copy.querySelectorAll(".gone").forEach((element) => element.remove());
  copy.querySelectorAll("a").forEach((link) => {
    const group = document.createElementNS(SVG, "g");
    group.append(...link.childNodes);
    link.replaceWith(group);
  });
  copy.querySelectorAll("*").forEach((element) => element.removeAttribute("class"));
  const ground = document.createElementNS(SVG, "rect");
  const pane = graph.closest(".pane");
  ground.setAttribute("width", "100%");
  ground.setAttribute("height", "100%");
  ground.setAttribute("fill", pane ? getComputedStyle(pane).backgroundColor : "#fff");
  const title = document.createElementNS(SVG, "title");
  title.textContent = document.title;
  copy.prepend(title, ground);
  copy.removeAttribute("class");
  copy.setAttribute("xmlns", SVG);
  return copy;
}

async function paint(text: string, graph: SVGSVGElement): Promise<Blob | null> {
  const width = Number(graph.getAttribute("width"));
  const height = Number(graph.getAttribute("height"));
  const scale = Math.min(SHARPNESS, LARGEST / Math.max(width, height));
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = width * scale;
  canvas.height = height * scale;
  canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}

function hand(file: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** The graph page without leaving it: what an address changes is put in anew, and the picture follows the sliders at once. */

import { showCards } from "./hover.js";
import { saveable } from "./save.js";

type Enhance = (root: ParentNode) => void;

interface Thresholds {
  spectrum: [people: number, low: number, q: number, arrows: number][];
  q: string[];
  own: [people: number, low: number, q: number];
}

const NAMES = ["people", "low", "q"] as const;

/** On a screen that is narrower than the picture, begin where the marked value is, not at the empty edge. */
export function showMarked(graph: HTMLElement): void {
  const box = graph.closest<HTMLElement>(".scroll");
  const marked = graph.querySelector(".on");
  if (!box || !marked) return;
  const from = box.getBoundingClientRect();
  const at = marked.getBoundingClientRect();
  box.scrollLeft += at.left + at.width / 2 - (from.left + from.width / 2);
}

export function enhanceLook(form: HTMLFormElement, enhance: Enhance): void {
  let asked = 0;
  let timer = 0;

  /** Load the address and put its parts in: all, or those named. */
  async function swap(address: URL, { parts = "", push = false, say = "", focus = "" } = {}): Promise<void> {
    const mine = ++asked;
    const focused = document.activeElement;
    const [key, place] = [keyOf(focused), focused?.closest("[data-part]")?.id];
    const old = [...document.querySelectorAll<HTMLElement>("[data-part]")].filter((p) => !parts || parts.includes(p.id));
    old.forEach((part) => part.setAttribute("aria-busy", "true"));
    let page: Document;
    try {
      const answer = await fetch(address, { headers: { Accept: "text/html" } });
      if (!answer.ok) throw new Error(String(answer.status));
      page = new DOMParser().parseFromString(await answer.text(), "text/html");
    } catch {
      location.assign(address); // the page itself says what is wrong
      return;
    }
    if (mine !== asked) return;
    for (const part of old) {
      const fresh = page.getElementById(part.id);
      if (!fresh) continue;
      const left = part.querySelector(".scroll")?.scrollLeft ?? 0;
      part.replaceWith(fresh);
      enhance(fresh);
      fresh.querySelector(".scroll")?.scrollTo({ left });
    }
    history[push ? "pushState" : "replaceState"](null, "", address);
    showThresholds();
    if (focus) document.querySelector<HTMLElement>(focus)?.focus();
    else if (!focused?.isConnected) refocus(key, place);
    tell(say && (document.querySelector(say)?.textContent ?? ""));
  }

  function refocus(key: string, place: string | undefined): void {
    const again = (key && document.querySelector<HTMLElement>(key)) || (place && document.getElementById(place));
    if (!again) return;
    if (again.id === place) again.tabIndex = -1;
    again.focus({ preventScroll: again.id !== place });
  }

  function tell(text: string): void {
    const said = document.querySelector("[data-said]");
    if (said && text) said.textContent = text;
  }

  function data(): Thresholds {
    return JSON.parse(document.getElementById("thresholds")?.textContent ?? "{}") as Thresholds;
  }

  /** The address with the thresholds that the sliders show. */
  function looked(address: string | URL): URL {
    const url = new URL(address, location.href);
    const own = data().own;
    NAMES.forEach((name, i) => {
      const value = slider(name)?.value;
      if (value === undefined || Number(value) === own[i]) url.searchParams.delete(name);
      else url.searchParams.set(name, value);
    });
    return url;
  }

  function formAddress(submitter?: HTMLElement | null): URL {
    const url = new URL(location.pathname, location.href);
    for (const [name, value] of new FormData(form)) {
      if (value !== "") url.searchParams.set(name, String(value));
    }
    if (submitter instanceof HTMLButtonElement && submitter.name) url.searchParams.set(submitter.name, submitter.value);
    return looked(url);
  }

  const slider = (name: string): HTMLInputElement | null => form.querySelector(`input[type=range][name=${name}]`);

  /** Show which arrows survive: in the picture, and how many there are of all. Returns what is said of it. */
  function showThresholds(): string {
    const { spectrum, q: labels, own } = data();
    const at = NAMES.map((name, i) => Number(slider(name)?.value ?? own[i])) as [number, number, number];
    const passes = (people: number, low: number, q: number): boolean => people >= at[0] && low >= at[1] && q <= at[2];
    NAMES.forEach((name, i) => {
      const output = form.querySelector<HTMLOutputElement>(`output[for=${name}]`);
      const text = name === "q" ? labels[at[i]!] ?? "" : (output?.dataset.text ?? "{n}").replace("{n}", String(at[i]));
      if (output && output.textContent !== text) output.textContent = text;
      slider(name)?.setAttribute("aria-valuetext", text);
    });
    const joined = new Set<string>();
    document.querySelectorAll<SVGElement>("#picture .arrow").forEach((arrow) => {
      const [people, low, q] = (arrow.dataset.at ?? "").split(" ").map(Number);
      if (q !== undefined) arrow.classList.toggle("off", !passes(people ?? 0, low ?? 0, q));
      if (!arrow.classList.contains("off")) arrow.dataset.arrow?.split("-").forEach((end) => joined.add(end));
    });
    document.querySelectorAll<SVGElement>("#picture .value").forEach((value) => {
      value.classList.toggle("alone", !joined.has(value.dataset.value ?? ""));
    });
    const drawn = document.querySelector<HTMLElement>("[data-drawn]")?.dataset.drawn;
    const stays = drawn !== undefined && drawn !== at.join(" ");
    document.querySelectorAll<HTMLElement>("[data-redraw]").forEach((hint) => (hint.hidden = !stays));
    document.querySelectorAll<HTMLElement>("[data-note]").forEach((note) => (note.hidden = stays));
    const count = form.querySelector<HTMLElement>("[data-count]");
    let all = 0;
    let passing = 0;
    for (const [people, low, q, arrows] of spectrum) {
      all += arrows;
      if (passes(people, low, q)) passing += arrows;
    }
    const text = (count?.dataset.text ?? "").replace("{n}", passing.toLocaleString()).replace("{all}", all.toLocaleString());
    if (count) count.textContent = text;
    return text;
  }

  function later(wait: number, then: () => void): void {
    clearTimeout(timer);
    timer = window.setTimeout(then, wait);
  }

  form.addEventListener("input", (event) => {
    const field = event.target as HTMLInputElement;
    if (field.type === "range") {
      const text = showThresholds();
      later(400, () => {
        tell(text);
        void swap(looked(location.href), { parts: "table" });
      });
    } else if (field.type === "search") {
      later(250, () => void swap(formAddress(), { parts: "found", say: "#found p" }));
    }
  });
  form.addEventListener("change", (event) => {
    if (event.target instanceof HTMLSelectElement) void swap(formAddress(), { say: "#lead" });
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(timer);
    const sorts = event.submitter?.classList.contains("sort");
    void swap(formAddress(event.submitter), sorts ? { parts: "table kept" } : { say: "#found p, #lead" });
  });
  document.addEventListener("click", (event) => {
    const link = (event.target as Element).closest<HTMLAnchorElement | SVGAElement>("a[data-swap], #picture .graph a, #table .pages a");
    if (!link || event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    clearTimeout(timer);
    const address = looked(link.getAttribute("href") ?? "");
    const inPicture = link instanceof SVGAElement;
    const toEvidence = address.hash === "#evidence" || (link as Element).hasAttribute("data-more");
    void swap(address, { push: inPicture || toEvidence, say: "#evidence h2", focus: toEvidence ? "#evidence" : "" });
  });
  window.addEventListener("popstate", () => location.reload());
  showCards();
  saveable();
}

/** What finds the same thing again after its part was put in anew. */
function keyOf(element: Element | null): string {
  if (!element || element === document.body) return "";
  if (element.id) return `#${element.id}`;
  for (const name of ["data-value", "data-arrow", "href"]) {
    const value = element.getAttribute(name);
    if (value && element.closest("[data-part]")) return `#${element.closest("[data-part]")!.id} [${name}="${CSS.escape(value)}"]`;
  }
  return "";
}

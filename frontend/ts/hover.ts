/** A card beside a value under the pointer or in focus; where fingers point, a sheet at the foot of the screen. */

const WAIT = 120;
const GRACE = 200; // time to move the pointer onto the card

export function showCards(): void {
  let timer = 0;
  let shown: Element | null = null;

  const box = (): HTMLElement | null => document.getElementById("hover");

  function hide(): void {
    clearTimeout(timer);
    box()?.setAttribute("hidden", "");
    shown?.removeAttribute("aria-describedby");
    shown = null;
  }

  function show(target: SVGAElement, asSheet: boolean): void {
    const card = box();
    if (!card) return;
    hide();
    const value = target.dataset.value;
    const cards = document.querySelector<HTMLTemplateElement>("template[data-cards]")?.content;
    const found = value ? cards?.querySelector(`[data-card="${value}"]`)?.cloneNode(true) : null;
    const title = target.querySelector("title");
    if (title) {
      // the browser's own tooltip would cover the card
      if (!target.hasAttribute("aria-label")) target.setAttribute("aria-label", title.textContent ?? "");
      title.remove();
    }
    card.replaceChildren(found ?? target.getAttribute("aria-label") ?? "");
    card.classList.toggle("sheet-up", asSheet);
    card.setAttribute("role", asSheet ? "dialog" : "tooltip");
    card.removeAttribute("hidden");
    shown = target;
    if (asSheet) {
      card.setAttribute("aria-label", target.getAttribute("aria-label") ?? "");
      card.append(actions(card, target));
      card.style.removeProperty("left");
      card.style.removeProperty("top");
      card.querySelector<HTMLElement>("a")?.focus({ preventScroll: true });
    } else {
      card.removeAttribute("aria-label");
      target.setAttribute("aria-describedby", card.id);
      place(card, target.getBoundingClientRect());
    }
  }

  function actions(card: HTMLElement, target: SVGAElement): HTMLElement {
    const row = document.createElement("p");
    const more = document.createElement("a");
    const close = document.createElement("button");
    row.className = "row";
    more.className = close.className = "btn";
    more.href = target.getAttribute("href") ?? "";
    more.dataset.swap = more.dataset.more = "";
    more.textContent = card.dataset.more ?? "";
    close.type = "button";
    close.textContent = card.dataset.close ?? "";
    close.addEventListener("click", hide);
    more.addEventListener("click", () => setTimeout(hide));
    row.append(more, close);
    return row;
  }

  const linkOf = (event: Event): SVGAElement | null =>
    (event.target as Element).closest?.<SVGAElement>("#picture .value, #picture a.arrow") ?? null;

  document.addEventListener("pointerover", (event) => {
    if (event.pointerType === "touch") return;
    const link = linkOf(event);
    if (link && link !== shown) {
      clearTimeout(timer);
      timer = window.setTimeout(() => show(link, false), WAIT);
    } else if (link || (event.target as Element).closest("#hover")) {
      clearTimeout(timer);
    }
  });
  document.addEventListener("pointerout", (event) => {
    if (event.pointerType === "touch" || box()?.classList.contains("sheet-up")) return;
    if (linkOf(event) || (event.target as Element).closest("#hover")) {
      clearTimeout(timer);
      timer = window.setTimeout(hide, GRACE);
    }
  });
  document.addEventListener("focusin", (event) => {
    const link = linkOf(event);
    if (link?.matches(":focus-visible")) show(link, false);
  });
  document.addEventListener("focusout", (event) => {
    if (linkOf(event) && !box()?.classList.contains("sheet-up")) hide();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") hide();
  });
  document.addEventListener("scroll", () => {
    if (!box()?.classList.contains("sheet-up")) hide();
  });
  document.addEventListener(
    "click",
    (event) => {
      const link = linkOf(event);
      if (link && matchMedia("(hover: none)").matches) {
        event.preventDefault(); // a second look before the page moves
        show(link, true);
      } else if (link) {
        hide();
      } else if (!(event.target as Element).closest("#hover")) {
        hide();
      }
    },
    true,
  );
}

/** Put the card beside what it is about, where there is room. */
function place(card: HTMLElement, about: DOMRect): void {
  const { width, height } = card.getBoundingClientRect();
  const right = about.right + 10;
  const left = right + width < innerWidth ? right : Math.max(8, about.left - width - 10);
  card.style.left = `${left}px`;
  card.style.top = `${Math.max(8, Math.min(about.top - 8, innerHeight - height - 8))}px`;
}

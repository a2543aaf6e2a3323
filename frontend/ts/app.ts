/* Everything works without this file; it only makes things smoother. Texts come from the page, so that they are translated. */

import { enhanceCheckAll } from "./checkall.js";
import { enhanceChoices } from "./choices.js";
import { takeCodeFromAddress } from "./code.js";
import { enhanceComposer } from "./composer.js";
import { enhanceCopy } from "./copy.js";
import { forgetDrafts, forgetSent, keepDraft } from "./drafts.js";
import { enhanceForm, wakeForms } from "./forms.js";
import { enhanceLook, showMarked } from "./graph.js";
import { followJob } from "./jobs.js";
import { enhanceKeys } from "./keys.js";
import { enhancePicks } from "./picks.js";
import { sayLocalTime } from "./times.js";

type Enhancer = (element: HTMLElement) => void;

const enhancers: [string, Enhancer][] = [
  ["textarea[data-draft]", (element) => keepDraft(element as HTMLTextAreaElement)],
  ["[data-forget-drafts]", forgetDrafts],
  ["[data-code-from-address]", takeCodeFromAddress],
  ["form[data-picks]", (element) => enhancePicks(element as HTMLFormElement)],
  ["form[data-needs-choice]", (element) => enhanceChoices(element as HTMLFormElement)],
  ["form[data-composer]", (element) => enhanceComposer(element as HTMLFormElement, enhance)],
  ["form[method=post]", (element) => enhanceForm(element as HTMLFormElement)],
  ["[data-check-all]", enhanceCheckAll],
  ["[data-copy]", enhanceCopy],
  ["[data-job]", followJob],
  ["[data-keys]", enhanceKeys],
  [".scroll > .graph", showMarked],
  ["form[data-look]", (element) => enhanceLook(element as HTMLFormElement, enhance)],
  ["time[data-local]", sayLocalTime],
];

/** Run every enhancer once on what is new below `root`. */
function enhance(root: ParentNode): void {
  for (const [selector, enhancer] of enhancers) {
    root.querySelectorAll<HTMLElement>(selector).forEach(enhancer);
  }
}

forgetSent();
enhance(document);
wakeForms();

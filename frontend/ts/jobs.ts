/** Follow background work by asking for its state; more seldom the longer it takes. */

interface Job {
  state: "queued" | "running" | "paused" | "done" | "failed" | "cancelled";
  done: number;
  total: number;
  note: string;
}

const ENDED = ["paused", "done", "failed", "cancelled"];

/** `data-job` is the job's address. When it ends the page is loaded again, or `data-job-then` is opened. */
export function followJob(box: HTMLElement): void {
  const address = box.dataset.job;
  if (!address) return;
  const bar = box.querySelector("rect.v");
  const note = box.querySelector<HTMLElement>("[data-job-note]");
  let wait = 1000;

  const ask = async (): Promise<void> => {
    try {
      const response = await fetch(address, { headers: { Accept: "application/json" } });
      if (response.ok) {
        const job = (await response.json()) as Job;
        if (ENDED.includes(job.state)) {
          if (box.dataset.jobThen && job.state === "done") location.assign(box.dataset.jobThen);
          else location.reload();
          return;
        }
        if (job.total > 0) bar?.setAttribute("width", String((100 * job.done) / job.total));
        if (note && job.note) note.textContent = job.note;
      } else if (response.status < 500) {
        return;
      }
    } catch {
      // The line is down for a moment; the next try tells.
    }
    wait = Math.min(wait * 1.3, 10000);
    setTimeout(() => void ask(), wait);
  };
  setTimeout(() => void ask(), wait);
}

/**
 * Windows of fixed length as arithmetic: TUMBLE, HOP and CUMULATE.
 *
 * Time is cut into *panes*, the longest stretches in which all rows are in the same windows. Windows and
 * panes have whole numbers, rising with time; a window is a run of panes. HOP of a size that its slide
 * does not divide has two panes a slide. All times in ms since 1970, before it too.
 */
import type { WindowSpec } from '../../sql/relation/relation.js';

/** A window of fixed length. */
export type FixedWindow = Extract<WindowSpec, { kind: 'tumble' | 'hop' | 'cumulate' }>;

/** How windows and panes lie. */
export interface WindowGrid {
  paneOf(time: number): number;
  /** First and last window that a pane is in; none where the first is beyond the last. */
  firstWindow(pane: number): number;
  lastWindow(pane: number): number;
  firstPane(window: number): number;
  lastPane(window: number): number;
  start(window: number): number;
  /** Rises with the window. */
  end(window: number): number;
  /** The last window that ends before `time`. */
  lastBefore(time: number): number;
}

/** The grid of a window. */
export function windowGrid(window: FixedWindow): WindowGrid {
  if (window.kind === 'cumulate') return cumulateGrid(window.stepMs, window.sizeMs, window.offsetMs);
  const slide = window.kind === 'tumble' ? window.sizeMs : window.slideMs;
  return hopGrid(slide, window.sizeMs, window.offsetMs);
}

function hopGrid(slide: number, size: number, offset: number): WindowGrid {
  const whole = Math.floor(size / slide);
  const rest = size - whole * slide;
  const bounds = {
    start: (window: number) => window * slide + offset,
    end: (window: number) => window * slide + offset + size,
    lastBefore: (time: number) => Math.ceil((time - offset - size) / slide) - 1,
  };
  if (rest === 0)
    return {
      ...bounds,
      paneOf: (time) => Math.floor((time - offset) / slide),
      firstWindow: (pane) => pane - whole + 1,
      lastWindow: (pane) => pane,
      firstPane: (window) => window,
      lastPane: (window) => window + whole - 1,
    };
  // A window ends `rest` into a slide: each slide has a pane before that and one behind it.
  return {
    ...bounds,
    paneOf: (time) => {
      const at = Math.floor((time - offset) / slide);
      return at * 2 + (time - offset - at * slide >= rest ? 1 : 0);
    },
    firstWindow: (pane) => Math.ceil(pane / 2) - whole,
    lastWindow: (pane) => Math.floor(pane / 2),
    firstPane: (window) => window * 2,
    lastPane: (window) => (window + whole) * 2,
  };
}

/** A window is a step that it ends with, and those before it from the multiple of the size on. */
function cumulateGrid(step: number, size: number, offset: number): WindowGrid {
  const steps = Math.ceil(size / step);
  const first = (pane: number): number => Math.floor(pane / steps) * steps;
  return {
    paneOf: (time) => Math.floor((time - offset) / step),
    firstWindow: (pane) => pane,
    lastWindow: (pane) => first(pane) + steps - 1,
    firstPane: first,
    lastPane: (window) => window,
    start: (window) => first(window) * step + offset,
    end: (window) => (window + 1) * step + offset,
    lastBefore: (time) => Math.ceil((time - offset) / step) - 2,
  };
}

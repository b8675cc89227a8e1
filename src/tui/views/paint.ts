import type { RunView } from "../../client/run-view.ts";
import type { Glyphs } from "../glyphs.ts";
import type { Picture } from "../picture.ts";
import type { Areas } from "../screen-size.ts";
import type { ScreenState } from "../screen-state.ts";

/** What every view is given. Views are pure: the same scene gives the same lines. */
export interface Scene {
  readonly picture: Picture;
  /** The run as shown: live, or held still. */
  readonly view: RunView;
  readonly screen: ScreenState;
  readonly areas: Areas;
  readonly glyphs: Glyphs;
}

// What every page does with script. Without it all of this is still there: by links, forms and loading again.
import { showCopy } from "./copy.js";
import { keepTimes } from "./ago.js";
import { listen } from "./live.js";
import { switchTheme } from "./theme.js";

showCopy(document);
keepTimes();
switchTheme();
listen();

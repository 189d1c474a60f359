/* The viewer of a convreport atlas: unit grids, the unit dialog, channel tilings and heatmap sliders.
 * Without it every page still shows its sheets and pictures; with it they can be explored. No dependencies.
 * The one-file report uses it too: there data and pictures lie in the page, and an address "#id" names their element. */
(() => {
  "use strict";

  // -- small tools

  /** An element with properties and children; text is only ever set as text. */
  function el(tag, properties = {}, ...children) {
    const node = document.createElement(tag);
    for (const [key, value] of Object.entries(properties)) {
      if (key in node && key !== "list") node[key] = value;
      else node.setAttribute(key, value);
    }
    node.append(...children.filter((child) => child !== null && child !== undefined));
    return node;
  }

  /** Per-layer data comes as a script that calls convreport(data): fetch does not work on file://. */
  const loads = new Map();
  window.convreport = (data) => document.currentScript.deliver(data);
  function load(url) {
    if (url.startsWith("#")) return Promise.resolve(JSON.parse(document.getElementById(url.slice(1)).textContent));
    if (!loads.has(url)) {
      loads.set(url, new Promise((resolve, reject) => {
        const script = el("script", { src: url, onerror: reject });
        script.deliver = resolve;
        document.head.append(script);
      }));
    }
    return loads.get(url);
  }

  function short(value) {
    const size = Math.abs(value);
    if (size >= 1000) return Math.round(value).toLocaleString("en");
    return size >= 100 ? value.toFixed(0) : size >= 10 ? value.toFixed(1) : String(Number(value.toPrecision(3)));
  }

  /** Where a picture lies: below `up`, or in the element of this page that "#id" names. A tile needs a short address, as it
   *  is written once for every unit, so a picture inside the page becomes a blob. */
  const blobs = new Map();
  function source(up, file) {
    if (!file.startsWith("#")) return up + file;
    if (!blobs.has(file)) {
      const [head, data] = document.getElementById(file.slice(1)).src.split(",");
      const bytes = Uint8Array.from(atob(data), (char) => char.charCodeAt(0));
      blobs.set(file, URL.createObjectURL(new Blob([bytes], { type: /:(.*?);/.exec(head)[1] })));
    }
    return blobs.get(file);
  }

  const percent = (share) => `${share < 0.0995 ? Number((share * 100).toPrecision(2)) : Math.round(share * 100)} %`;

  /** Paint a region (top, left, height, width) of a picture of a size (height, width) as a background, half a pixel in
   *  from its edges so that neighbours do not bleed in. */
  function paintRegion(node, url, whole, region) {
    const share = [1, 0].map((axis) => {
      const side = region[2 + axis] - 1;
      const size = whole[axis] / side;
      return { size, offset: size > 1 ? (region[axis] + 0.5) / side / (size - 1) : 0 };
    });
    node.style.backgroundImage = `url("${url}")`;
    node.style.backgroundSize = share.map((one) => `${one.size * 100}%`).join(" ");
    node.style.backgroundPosition = share.map((one) => `${one.offset * 100}%`).join(" ");
  }

  /** Tile `place` of a sheet; with `part` only that part of it, (top, left, height, width) in its pixels. */
  function paintTile(node, sheet, file, place, up, part = [0, 0, ...sheet.tile]) {
    const columns = Math.min(sheet.columns, file.units.length);
    const rows = Math.ceil(file.units.length / sheet.columns);
    const [row, column] = [Math.floor(place / sheet.columns), place % sheet.columns];
    const region = [row * sheet.tile[0] + part[0], column * sheet.tile[1] + part[1], part[2], part[3]];
    paintRegion(node, source(up, file.file), [rows * sheet.tile[0], columns * sheet.tile[1]], region);
  }

  /** Where crop `index` of three rows of three lies on a tile of them. */
  function cropOf(tile, facts, index) {
    const gap = (2 * tile[0]) / facts.crop[0]; // the report's are smaller than they were cut
    const [high, wide] = tile.map((side) => (side - 2 * gap) / 3);
    return [Math.floor(index / 3) * (high + gap), (index % 3) * (wide + gap), high, wide];
  }

  function shapeOf(tile) {
    return `${tile[1]} / ${tile[0]}`;
  }

  function findTile(sheet, unit) {
    for (const file of sheet.files) {
      const place = file.units.indexOf(unit);
      if (place >= 0) return { file, place };
    }
    return null;
  }

  /** Draw one channel of a raw tiling, its pixels kept square. */
  function drawChannel(canvas, url, tiling, channel) {
    const [height, width] = tiling.tile;
    canvas.width = width;
    canvas.height = height;
    const sheet = new Image();
    sheet.onload = () => {
      const x = (channel % tiling.columns) * (width + tiling.margin);
      const y = Math.floor(channel / tiling.columns) * (height + tiling.margin);
      canvas.getContext("2d").drawImage(sheet, x, y, width, height, 0, 0, width, height);
    };
    sheet.src = url;
  }

  // -- the table of many models

  /** A heading orders the rows by its column, the second time the other way; numbers from the largest, words from A. */
  for (const table of document.querySelectorAll("table[data-sortable]")) {
    const headings = [...table.tHead.rows[0].cells];
    for (const heading of headings.filter((one) => one.hasAttribute("aria-sort"))) {
      const button = el("button", { type: "button", className: "cr-sort" }, heading.textContent);
      heading.replaceChildren(button);
      button.addEventListener("click", () => {
        const before = heading.getAttribute("aria-sort");
        const rows = [...table.tBodies[0].rows];
        const values = new Map(rows.map((row) => [row, row.cells[heading.cellIndex].dataset.value]));
        const numbers = [...values.values()].every((value) => value === "" || Number.isFinite(Number(value)));
        const rises = before === "none" ? !numbers : before === "descending";
        headings.forEach((one) => one.hasAttribute("aria-sort") && one.setAttribute("aria-sort", "none"));
        heading.setAttribute("aria-sort", rises ? "ascending" : "descending");
        rows.sort((one, other) => {
          const [a, b] = [values.get(one), values.get(other)];
          if (a === "" || b === "") return (a === "") - (b === ""); // what was not measured stands last
          return (numbers ? a - b : a.localeCompare(b)) * (rises ? 1 : -1);
        });
        table.tBodies[0].append(...rows);
      });
    }
  }

  // -- the dialog, one a page

  const dialog = el("dialog", { className: "cr-dialog" });
  let showing = null; // { title, body(), step(by), address }

  function open(view) {
    showing = view;
    const close = el("button", { type: "button", textContent: "✕", ariaLabel: "Close", onclick: () => dialog.close() });
    const copy = el("button", { type: "button", textContent: "Copy link" });
    copy.onclick = () => {
      const link = location.href.split("#")[0] + view.address;
      const shown = () => { // where the clipboard is closed to us, the link can be copied by hand
        const field = el("input", { value: link, readOnly: true, ariaLabel: "Link to this unit" });
        copy.replaceWith(field);
        field.select();
      };
      if (navigator.clipboard) navigator.clipboard.writeText(link).then(() => { copy.textContent = "Copied"; }, shown);
      else shown();
    };
    const save = view.picture ? el("button", { type: "button", textContent: "Save picture", onclick: () => saved(view.picture()) }) : null;
    const linkable = view.address && location.protocol !== "about:"; // a page in a frame of another has no address
    const arrows = [["←", -1, "Previous"], ["→", 1, "Next"]].map(([sign, by, name]) =>
      el("button", { type: "button", textContent: sign, ariaLabel: name, onclick: () => step(by) }));
    dialog.replaceChildren(
      el("div", { className: "cr-head" }, el("h2", { textContent: view.title }), ...arrows, linkable ? copy : null, save, close),
      view.body(),
    );
    dialog.setAttribute("aria-label", view.title);
    if (!dialog.isConnected) document.body.append(dialog);
    if (!dialog.open) dialog.showModal();
    if (view.address) setAddress(view.address);
  }

  /** Keep a tile as a PNG at its own size; a page from a file may not read its pictures: there the sheet with it is opened. */
  function saved({ name, sheet, tile: { file, place }, up }) {
    const whole = new Image();
    whole.onload = () => {
      const [height, width] = sheet.tile;
      const canvas = el("canvas", { width, height });
      const [row, column] = [Math.floor(place / sheet.columns), place % sheet.columns];
      canvas.getContext("2d").drawImage(whole, column * width, row * height, width, height, 0, 0, width, height);
      try {
        el("a", { href: canvas.toDataURL("image/png"), download: `${name}.png` }).click();
      } catch {
        el("a", { href: whole.src, target: "_blank", rel: "noopener" }).click();
      }
    };
    whole.src = source(up, file.file);
  }

  function step(by) {
    const next = showing?.step(by);
    if (!next) return;
    open(next);
    dialog.querySelector(`button[aria-label="${by < 0 ? "Previous" : "Next"}"]`)?.focus();
  }

  function setAddress(address) {
    try { history.replaceState(history.state, "", address || location.pathname + location.search); } catch { /* a sandboxed frame */ }
  }

  dialog.addEventListener("close", () => { if (showing?.address) setAddress(""); showing?.closed?.(); showing = null; });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener("keydown", (event) => {
    if (event.target.matches("input, select")) return;
    if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
      event.preventDefault();
      step(event.key === "ArrowLeft" ? -1 : 1);
    }
  });

  function table(rows) {
    return el("table", {}, el("tbody", {}, ...rows.map(([name, ...values]) =>
      el("tr", {}, el("th", { scope: "row", textContent: name }), ...values.map((value) => el("td", { textContent: value }))))));
  }

  // -- unit grids

  /** "3, 17, 40-50" as a test of a number; null if it says nothing. */
  function listed(text) {
    const ranges = [...text.matchAll(/(\d+)(?:\s*[-–]\s*(\d+))?/g)].map(([, from, to]) => [Number(from), Number(to ?? from)]);
    return ranges.length ? (number) => ranges.some(([from, to]) => from <= number && number <= to) : null;
  }

  /** The share of `values` that lie below `value`, half of its equals among them, as a percentile. */
  function percentile(values, value) {
    const below = values.reduce((sum, one) => sum + (one < value ? 1 : one === value ? 0.5 : 0), 0);
    const rank = Math.min(99, Math.max(1, Math.round((100 * below) / values.length)));
    return rank + (rank % 10 === 1 && rank !== 11 ? "st" : rank % 10 === 2 && rank !== 12 ? "nd" : rank % 10 === 3 && rank !== 13 ? "rd" : "th") + " percentile";
  }

  /** The ways to order the units of a layer: (name, what stands under a tile, order). */
  function orders(units, answers, number, prefix) {
    const score = (one) => one.facts[number];
    const text = (one) => prefix + short(score(one));
    const ways = new Map([
      ["unit", ["unit", text, (a, b) => a.unit - b.unit]],
      ["high", ["highest first", text, (a, b) => score(b) - score(a)]],
      ["low", ["lowest first", text, (a, b) => score(a) - score(b)]],
    ]);
    if (units.some((one) => one.facts.share !== undefined)) {
      const share = (one) => one.facts.share ?? -1;
      ways.set("share", ["closest to its pattern first", (one) => (one.facts.share === undefined ? "" : percent(one.facts.share)), (a, b) => share(b) - share(a)]);
    }
    if (units.some((one) => one.facts.driven)) {
      const selective = (one) => one.facts.driven?.selectivity ?? -1;
      ways.set("class", ["most selective first", (one) => (one.facts.driven ? `${one.facts.driven.name} ${short(one.facts.driven.selectivity)}` : ""), (a, b) => selective(b) - selective(a)]);
    }
    if (units.some((one) => one.detects?.[2])) {
      const iou = (one) => one.detects?.[1] ?? -1;
      ways.set("detects", ["clearest detector first", (one) => (one.detects?.[2] ? `${one.detects[0]} ${one.detects[1].toFixed(2)}` : ""), (a, b) => iou(b) - iou(a)]);
    }
    for (const one of answers) {
      ways.set(`to ${one.slug}`, [`response to ${one.name}`, ({ unit }) => short(one.most[unit]), (a, b) => one.most[b.unit] - one.most[a.unit]]);
    }
    return ways;
  }

  /** The kinds of units worth being shown alone: (name, test); only those that some but not all units are of. Of very many
   *  pictures the first are known here. */
  function kinds(units, { answers, unshown }) {
    const [every, some] = unshown ? [`the first ${answers.length} pictures`, `some of the first ${answers.length} pictures`] : ["every picture", "some picture"];
    const rectified = answers.filter((one) => one.rectified);
    const silent = ({ unit }) => rectified.every((one) => one.silent.includes(unit));
    const verdict = (word) => ({ facts }) => facts.verdict === word;
    const all = [
      ["specific", verdict("specific")], ["shared", verdict("shared")], ["unspecific", verdict("unspecific")],
      ["no response found", ({ facts }) => facts.responds === false],
      ["no example", ({ facts }) => facts.best?.length === 0],
      ["detectors", ({ detects }) => detects?.[2] === true],
      ...(rectified.length ? [[`silent on ${every}`, silent], [`responding to ${some}`, (one) => !silent(one)]] : []),
    ];
    return new Map(all.map(([name, test]) => [name, [test, units.filter(test).length]]).filter(([, [, count]]) => count && count < units.length));
  }

  /** A histogram whose bars are switches: those pressed keep the units in their ranges. */
  function histogram(units, number, word, changed) {
    const values = units.map((one) => one.facts[number]);
    const low = Math.min(...values);
    const width = (Math.max(...values) - low) / Math.min(12, Math.ceil(Math.sqrt(units.length))) || 1;
    const bin = (one) => Math.min(Math.floor((one.facts[number] - low) / width), Math.round((Math.max(...values) - low) / width) - 1);
    const counts = new Map();
    for (const one of units) counts.set(bin(one), (counts.get(bin(one)) ?? 0) + 1);
    const most = Math.max(...counts.values());
    const pressed = new Set();
    const bars = Array.from({ length: Math.max(1, Math.round((Math.max(...values) - low) / width)) }, (_, place) => {
      const count = counts.get(place) ?? 0;
      const range = `${short(low + place * width)} to ${short(low + (place + 1) * width)}`;
      const bar = el("button", { type: "button", title: `${count} units, ${range}`, ariaLabel: `${count} units with a ${word} from ${range}`, ariaPressed: "false" }, el("i"));
      bar.style.setProperty("--share", count / most);
      bar.onclick = () => {
        if (!pressed.delete(place)) pressed.add(place);
        bar.ariaPressed = String(pressed.has(place));
        changed();
      };
      return bar;
    });
    const ends = el("div", { className: "cr-ends" }, el("span", { textContent: short(low) }), el("span", { textContent: word }), el("span", { textContent: short(Math.max(...values)) }));
    return {
      node: el("div", { className: "cr-histogram", role: "group", ariaLabel: `How it is spread: ${word}; a bar shows only its units` }, el("div", { className: "cr-bars" }, ...bars), ends),
      keeps: (one) => !pressed.size || pressed.has(bin(one)),
      clear: () => { pressed.clear(); bars.forEach((bar) => { bar.ariaPressed = "false"; }); },
    };
  }

  /** What a unit's crops show, in words: "dots 5 of 9 · stripes 3", and what else is known. Where all pictures of the layer's
   *  units are said to show the same (they lie in one folder), that says nothing, and their own names stand instead. */
  function origins(facts, told) {
    const counts = new Map();
    for (const [name, said] of facts.origins) {
      const word = (told && said) || name;
      counts.set(word, (counts.get(word) ?? 0) + 1);
    }
    const words = [...counts].sort((a, b) => b[1] - a[1]).map(([word, count], place) => (count > 1 ? `${word} ${count}${place ? "" : ` of ${facts.origins.length}`}` : word));
    if (words.length > 5) words.splice(4, words.length, `${words.length - 4} more`);
    if (facts.driven?.selectivity >= 0.5) words.push(`selective for ${facts.driven.name} (${short(facts.driven.selectivity)})`);
    if (facts.share !== undefined) words.push(`the best reaches ${percent(facts.share)} of its pattern's response`);
    return words.join(" · ");
  }

  /** Do what users say of pictures differ among the examples of a layer's units? */
  const tells = (units) => new Set(units.flatMap((one) => one.origins.map(([, said]) => said))).size > 1;

  // -- the spotlight

  const VEIL = 32; // pixels along a side of the veil, which the browser enlarges
  const [FROM, TO] = [0.4, 0.6]; // about half of its highest answer in the picture, a unit's light goes on
  const DARK = 0.72;

  /** Lay a veil over crop `index`, clear where the unit answered: its answer is upsampled first, and then held to a threshold. */
  function light(crop, facts, index) {
    if (!facts.answers) return;
    const [rows, columns] = facts.cells;
    const answer = [...facts.answers[index]].map((digit) => parseInt(digit, 36) / 35);
    const canvas = el("canvas", { className: "cr-light", width: VEIL, height: VEIL, "aria-hidden": "true" });
    const context = canvas.getContext("2d");
    const veil = context.createImageData(VEIL, VEIL);
    const along = (place, count) => {
      const at = Math.min(Math.max(((place + 0.5) * count) / VEIL - 0.5, 0), count - 1);
      return [Math.floor(at), Math.min(Math.floor(at) + 1, count - 1), at % 1];
    };
    for (let y = 0; y < VEIL; y += 1) {
      const [above, below, down] = along(y, rows);
      for (let x = 0; x < VEIL; x += 1) {
        const [left, right, over] = along(x, columns);
        const line = (row) => answer[row * columns + left] * (1 - over) + answer[row * columns + right] * over;
        const share = Math.min(Math.max((line(above) * (1 - down) + line(below) * down - FROM) / (TO - FROM), 0), 1);
        veil.data[4 * (y * VEIL + x) + 3] = 255 * DARK * (1 - share * share * (3 - 2 * share));
      }
    }
    context.putImageData(veil, 0, 0);
    crop.append(canvas);
  }

  /** A switch for all spotlights of the page; what was chosen is kept where the page may keep anything. */
  function lightSwitch() {
    const box = el("input", { type: "checkbox", checked: !document.documentElement.classList.contains("cr-unlit") });
    box.onchange = () => {
      document.documentElement.classList.toggle("cr-unlit", !box.checked);
      document.querySelectorAll(".cr-switch input").forEach((other) => { other.checked = box.checked; });
      try { localStorage.setItem("convreport-unlit", box.checked ? "" : "1"); } catch { /* a sandboxed frame */ }
    };
    return el("label", { className: "cr-switch", title: "Dims what did not drive the unit" }, box, " Spotlight");
  }
  try { document.documentElement.classList.toggle("cr-unlit", localStorage.getItem("convreport-unlit") === "1"); } catch { /* likewise */ }

  const painters = new Set(); // each paints all its tiles at once, for the printer

  /** Where a page asks for its first sheet of tiles beforehand, as it has thousands, all others and the data of the units wait
   *  until that one is there, or for some seconds; not where a link to a unit asks for them. */
  function firstTiles() {
    const first = document.querySelector(".cr-units[data-main] img.cr-sheet");
    if (!first || location.hash || !document.querySelector("link[rel=preload][as=image]")) return null;
    const others = [...document.querySelectorAll("img.cr-sheet")].filter((one) => one !== first);
    others.forEach((one) => { one.dataset.src = one.getAttribute("src"); one.removeAttribute("src"); });
    first.loading = "eager";
    return Promise.race([first.decode().catch(() => null), new Promise((resolve) => setTimeout(resolve, 3000))])
      .then(() => others.forEach((one) => { one.src = one.dataset.src; }));
  }
  let awaited;

  async function unitGrid(box) {
    const up = box.dataset.up;
    await (awaited ??= firstTiles());
    const data = await load(box.dataset.source);
    const sheet = data.sheets[box.dataset.figure];
    // One grid of a page has the short addresses; in the report, where many layers share a page, each has its own.
    const linked = box.hasAttribute("data-main") || !document.querySelector(".cr-units[data-main]");
    // What units detect orders those whose patterns and pictures are shown; a kernel has nothing to do with it.
    const detects = linked || box.dataset.figure === "crops" ? data.detects : null;
    const units = sheet.units.map((facts) => ({ unit: facts.unit, facts, detects: detects?.[facts.unit] }));
    const ways = orders(units, data.answers, box.dataset.number, box.dataset.prefix || "");
    const groups = kinds(units, data);
    const anchor = box.dataset.anchor ?? "";
    let order = units;

    const grid = el("div", { className: "cr-grid", role: "group", ariaLabel: `Units of ${data.name}` });
    const rows = box.dataset.figure === "crops"; // a unit a row: its pattern, then its crops
    const pattern = rows ? data.sheets.pattern : null;
    const told = rows && tells(sheet.units);
    if (rows) grid.classList.add("cr-rows");
    const paint = (button) => {
      if (button.painted) return;
      const { file, place } = findTile(sheet, button.unit);
      if (rows) {
        [...button.querySelectorAll(".cr-crop")].forEach((crop, index) => {
          paintTile(crop, sheet, file, place, up, cropOf(sheet.tile, button.facts, index));
          light(crop, button.facts, index);
        });
        const own = pattern && findTile(pattern, button.unit);
        if (own) paintTile(button.firstChild, pattern, own.file, own.place, up);
      } else paintTile(button.firstChild, sheet, file, place, up);
      button.painted = true;
      painter.unobserve(button);
    };
    const painter = new IntersectionObserver((entries) => {
      for (const { isIntersecting, target } of entries) if (isIntersecting) paint(target);
    }, { rootMargin: "400px" });

    const buttons = new Map(units.map(({ unit, facts }) => {
      const label = el("span", { className: "cr-label" }, el("b", { textContent: unit }), el("span"));
      const button = el("button", { type: "button", className: "cr-unit" }, el("span", { className: "cr-tile" }), label);
      if (rows) {
        const crops = facts.best.map(() => el("span", { className: "cr-tile cr-crop" }));
        if (!crops.length) crops.push(el("span", { className: "cr-none", textContent: `responded to none of ${facts.pictures.toLocaleString("en")} pictures` }));
        crops.forEach((crop) => crop.style.setProperty("--shape", shapeOf(sheet.tile)));
        button.append(el("span", { className: "cr-crops" }, ...crops), el("span", { className: "cr-origin", textContent: origins(facts, told) }));
        button.style.setProperty("--shape", pattern ? shapeOf(pattern.tile) : "1");
        if (!pattern || !findTile(pattern, unit)) button.firstChild.hidden = true;
      }
      if (facts.responds === false) button.firstChild.append(el("span", { className: "cr-none", textContent: "no response found" }));
      button.unit = unit;
      button.facts = facts;
      if (!rows) button.style.setProperty("--shape", shapeOf(sheet.tile));
      button.onclick = () => open(view(unit));
      painter.observe(button);
      return [unit, button];
    }));
    painters.add(() => buttons.forEach(paint));

    function view(unit) {
      const place = order.findIndex((one) => one.unit === unit);
      const among = order.length === units.length ? `${units.length}` : `the ${order.length} shown`;
      return {
        title: `${data.name} · unit ${unit}`,
        address: linked ? `#${anchor}u${unit}` : "",
        picture: () => {
          const kept = Object.values(data.sheets).find((one) => one === data.sheets.pattern && findTile(one, unit)) ?? sheet;
          return { name: `${data.name.replace(/[^\w.-]+/g, "-")}-unit-${unit}`, sheet: kept, tile: findTile(kept, unit), up };
        },
        body: () => unitBody(data, unit, up, `${place + 1} of ${among} in the present order. ← → to move, Esc to close.`),
        step: (by) => (order[place + by] ? view(order[place + by].unit) : null),
        closed: () => buttons.get(unit)?.focus(),
      };
    }

    const sort = el("select", {}, ...[...ways].map(([value, [text]]) => el("option", { value, textContent: text })));
    const show = el("select", {}, el("option", { value: "", textContent: "all" }), ...[...groups].map(([name, [, count]]) => el("option", { value: name, textContent: `${name} (${count})` })));
    const which = el("input", { type: "text", inputMode: "numeric", placeholder: "3, 17, 40-50" });
    const count = el("span", { className: "cr-hint cr-count", role: "status" });
    const reset = el("button", { type: "button", textContent: "show all", hidden: true });
    const spread = units.length > 7 ? histogram(units, box.dataset.number, box.dataset.word || box.dataset.number, arrange) : null;

    function arrange() {
      const [, text, compare] = ways.get(sort.value);
      const inside = listed(which.value);
      const kind = groups.get(show.value)?.[0];
      order = units.filter((one) => (!inside || inside(one.unit)) && (!kind || kind(one)) && (!spread || spread.keeps(one))).sort(compare);
      grid.replaceChildren(...order.map((one) => {
        const button = buttons.get(one.unit);
        button.querySelector(".cr-label").lastChild.textContent = text(one);
        return button;
      }));
      count.textContent = order.length === units.length ? `${units.length} units` : `${order.length} of ${units.length} units`;
      reset.hidden = order.length === units.length;
    }

    sort.onchange = show.onchange = which.oninput = arrange;
    which.onkeydown = ({ key }) => {
      if (key === "Enter" && /^\s*\d+\s*$/.test(which.value) && buttons.has(Number(which.value))) open(view(Number(which.value)));
    };
    reset.onclick = () => { which.value = show.value = ""; spread?.clear(); arrange(); sort.focus(); };
    const bar = el("div", { className: "cr-bar-of-controls" },
      el("label", {}, "Sort ", sort), groups.size ? el("label", {}, "Show ", show) : null, el("label", {}, "Units ", which),
      rows && sheet.units.some((one) => one.answers) ? lightSwitch() : null, count, reset);

    grid.addEventListener("keydown", (event) => {
      const columns = getComputedStyle(grid).gridTemplateColumns.split(" ").length;
      const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
      const all = [...grid.children];
      const next = by && all[all.indexOf(document.activeElement) + by];
      if (next) { event.preventDefault(); next.focus(); }
    });

    arrange();
    box.append(bar, ...(spread ? [spread.node] : []), grid);
    box.classList.add("cr-live");
    if (linked) {
      const follow = () => {
        const [start, number] = location.hash.slice(1).split(/u(?=\d+$)/);
        if (number && start === anchor && buttons.has(Number(number))) open(view(Number(number)));
      };
      window.addEventListener("hashchange", follow);
      follow();
    }
  }

  /** All that is known of one unit: its pictures, its numbers, its answers. */
  function unitBody(data, unit, up, hint) {
    const pictures = el("div", { className: "cr-large" });
    const rows = [];
    for (const [name, sheet] of Object.entries(data.sheets)) {
      const found = findTile(sheet, unit);
      if (!found) continue;
      if (name === "crops") {
        natural(sheet, found, sheet.units.find((one) => one.unit === unit), up, pictures, rows);
        continue;
      }
      const tile = el("div", { className: `cr-tile cr-${name}`, role: "img", ariaLabel: `${name} of unit ${unit}` });
      tile.style.setProperty("--shape", shapeOf(sheet.tile));
      paintTile(tile, sheet, found.file, found.place, up);
      if (sheet.caption) pictures.append(el("h3", { textContent: sheet.caption }));
      pictures.append(tile);
      const facts = sheet.units.find((one) => one.unit === unit);
      if ("score" in facts) {
        const scores = sheet.units.map((one) => one.score);
        const rank = scores.filter((score) => score > facts.score).length + 1;
        rows.push(["score", short(facts.score)], ["among the units drawn", `${rank} of ${scores.length}, ${percentile(scores, facts.score)}`], ["score of the noise it began as", short(facts.start)]);
        if ("rank" in facts) rows.push(["rank of its own unit", `${facts.rank} of ${facts.among}`]);
        if ("verdict" in facts) rows.push(["verdict", facts.verdict]);
        if ("preset" in facts) rows.push(["optimized", `${facts.preset}, ${facts.precision}`]);
      }
      if ("span" in facts) rows.push(["weights", `${short(facts.least)} … ${short(facts.most)}`]);
      for (const [key, words] of Object.entries(sheet.rows ?? {})) {
        if (facts[key] !== undefined) rows.push([words, typeof facts[key] === "number" ? short(facts[key]) : String(facts[key])]);
      }
    }
    const detects = data.detects?.[unit]; // concept, intersection over union, is that enough?
    if (detects) rows.unshift(["detects", detects[2] ? `${detects[0]}, IoU ${short(detects[1])}` : `nothing that is marked (${detects[0]}, IoU ${short(detects[1])})`]);
    const side = el("div", {}, table(rows));
    const wired = data.wires?.[unit];
    for (const [links, title] of wired ? [[wired.inputs, "Strongest inputs"], [wired.consumers, "Feeds most into"]] : []) {
      if (links.length) side.append(el("h3", { textContent: title }), wires(links, data, up));
    }
    const near = (data.near?.units[unit] ?? []).map(([other, likeness]) => [other, likeness, findTile(main(data), other)]).filter(([, , found]) => found);
    if (near.length) side.append(el("h3", { textContent: "Responds to the same pictures" }), neighbors(near, data, up));
    const answers = data.answers.filter((one) => unit < one.channels);
    if (answers.length) {
      answers.sort((a, b) => b.most[unit] - a.most[unit]);
      side.append(el("h3", { textContent: data.unshown ? `Its activations on the first ${data.answers.length} pictures` : "Its activations, picture by picture" }));
      if (answers[0].raw) side.append(el("div", { className: "cr-answers" }, ...answers.map((one) => answerFigure(one, unit, up))));
      else side.append(table(answers.map((one) => [one.name, ...answerWords(one, unit)])));
    }
    side.append(el("p", { className: "cr-hint", textContent: hint }));
    return el("div", { className: "cr-body" }, pictures, side);
  }

  /** The crops of a unit, each with what it shows, and what was measured of the unit over all examples. */
  function natural(sheet, found, facts, up, pictures, rows) {
    const count = facts.pictures.toLocaleString("en");
    const told = tells(sheet.units);
    const crops = facts.best.map((value, index) => {
      const crop = el("span", { className: "cr-tile cr-crop", role: "img", ariaLabel: `Crop ${index + 1}: ${facts.origins[index].filter(Boolean).join(", ")}` });
      crop.style.setProperty("--shape", shapeOf(sheet.tile));
      paintTile(crop, sheet, found.file, found.place, up, cropOf(sheet.tile, facts, index));
      const [row, column] = facts.at?.[index] ?? [0.5, 0.5];
      if (Math.abs(row - 0.5) + Math.abs(column - 0.5) > 0.01) { // a window that is all of the picture does not tell where
        const spot = el("i", { className: "cr-spot" });
        Object.assign(spot.style, { top: `${row * 100}%`, left: `${column * 100}%` });
        crop.append(spot);
      }
      light(crop, facts, index);
      return el("figure", {}, crop, el("figcaption", {}, `${(told && facts.origins[index][1]) || facts.origins[index][0]} `, el("b", { textContent: short(value) })));
    });
    pictures.append(el("h3", { textContent: crops.length ? `Strongest responses among ${count} pictures` : `It responded to none of ${count} pictures` }));
    if (facts.answers) pictures.append(lightSwitch());
    if (crops.length) pictures.append(el("div", { className: "cr-natural" }, ...crops));
    rows.push([`highest on ${count} pictures`, short(facts.most)]);
    if (facts.share !== undefined) rows.push(["of the highest on its pattern", percent(facts.share)]);
    rows.push(["mean", short(facts.mean)], ["above zero", `at ${percent(facts.positive)} of places, on ${percent(facts.answering)} of pictures`]);
    if (facts.driven) rows.push(["most selective for", `${facts.driven.name}, selectivity ${short(facts.driven.selectivity)}`]);
    pictures.append(small(facts));
  }

  /** A small histogram of the highest answers to the pictures. */
  function small({ histogram: { low, width, counts } }) {
    const most = Math.max(...counts);
    const bars = counts.map((count) => el("i", { title: String(count) }));
    bars.forEach((bar, place) => bar.style.setProperty("--share", counts[place] / most));
    const ends = el("div", { className: "cr-ends" }, el("span", { textContent: short(low) }), el("span", { textContent: "highest response to each picture" }), el("span", { textContent: short(low + width * counts.length) }));
    return el("div", { className: "cr-spread", role: "img", ariaLabel: `Distribution of the highest responses, from ${short(low)} to ${short(low + width * counts.length)}` }, el("div", { className: "cr-bars" }, ...bars), ends);
  }

  /** Links from unit to unit, with the pattern of each where its layer's page has one, by the norm of the kernel between. */
  function wires(links, data, up) {
    const most = links[0][2];
    return el("div", { className: "cr-wires" }, ...links.map(([layer, unit, norm, word]) => {
      const slug = data.links?.[layer];
      const tile = slug ? el("span", { className: "cr-tile" }) : null;
      const words = [tile, el("span", {}, word ? `${word} ` : `${layer} `, el("b", { textContent: unit })), el("i", { title: `norm ${short(norm)}` })];
      words[2].style.setProperty("--share", norm / most);
      if (!slug) return el("span", { className: "cr-alone" }, ...words);
      const link = el("a", { href: layer === data.name ? `#u${unit}` : `${up}layers/${slug}.html#u${unit}` }, ...words);
      load(`${up}data/layer-${slug}.js`).then((other) => {
        const sheet = other.sheets.pattern ?? other.sheets.crops;
        const found = sheet && findTile(sheet, unit);
        if (found) paintTile(tile, sheet, found.file, found.place, up);
        else link.href = link.href.replace(/#u\d+$/, ""); // its page does not show that unit
      }, () => {});
      return link;
    }));
  }

  /** The sheet that stands for the units of a layer. */
  const main = ({ sheets }) => sheets.pattern ?? sheets.crops ?? Object.values(sheets)[0];

  /** Units of the same layer as a row of tiles, each with the correlation of its answers. */
  function neighbors(near, data, up) {
    const said = `correlation of the highest responses to ${data.near.pictures.toLocaleString("en")} pictures`;
    return el("div", { className: "cr-near", title: said }, ...near.map(([unit, likeness, found]) => {
      const tile = el("span", { className: "cr-tile" });
      tile.style.setProperty("--shape", shapeOf(main(data).tile));
      paintTile(tile, main(data), found.file, found.place, up);
      return el("a", { href: `#u${unit}`, ariaLabel: `Unit ${unit}, ${said}: ${likeness.toFixed(2)}` }, tile, el("b", { textContent: unit }), ` ${likeness.toFixed(2)}`);
    }));
  }

  /** (highest value, percentile among the channels of the layer) of one unit on one picture. */
  function answerWords(answer, unit) {
    return answer.silent.includes(unit) ? ["silent", ""] : [short(answer.most[unit]), percentile(answer.most, answer.most[unit])];
  }

  function answerFigure(answer, unit, up) {
    const canvas = el("canvas", { role: "img", ariaLabel: `Map of unit ${unit} on ${answer.name}` });
    if (answer.silent.includes(unit)) canvas.className = "cr-silent";
    drawChannel(canvas, up + answer.raw, answer, unit);
    const [value, rank] = answerWords(answer, unit);
    return el("figure", {}, canvas, el("figcaption", {}, `${answer.name} `, el("b", { textContent: value }), rank ? el("span", { textContent: rank }) : null));
  }

  // -- looking for units

  /** A field that finds units by number, layer, class or part: every word must be the unit's number, or in its layer's name or
   *  in one of its words. */
  async function finder(box) {
    const field = el("input", { type: "search", placeholder: "a number, layer or class, such as 7 or block3", autocomplete: "off" });
    const count = el("span", { className: "cr-hint", role: "status" });
    const found = el("div", { className: "cr-found" });
    const up = box.dataset.up;
    box.append(el("label", {}, "Find units ", field), count, found);
    let last = 0;
    field.oninput = async () => {
      const turn = ++last;
      const words = field.value.toLowerCase().split(/[\s,·]+/).filter(Boolean);
      const { layers } = await load(box.dataset.source);
      if (turn !== last) return;
      const fits = (word, layer, unit, said) => (/^\d+$/.test(word) ? word === unit : layer.includes(word) || said.some((one) => one.toLowerCase().startsWith(word) || one.toLowerCase().includes(` ${word}`)));
      const all = !words.length ? [] : layers.flatMap(({ name, slug, units }) => Object.entries(units)
        .filter(([unit, said]) => words.every((word) => fits(word, name.toLowerCase(), unit, said))).map(([unit, said]) => ({ name, slug, unit, said })));
      count.textContent = words.length ? `${all.length} unit${all.length === 1 ? "" : "s"}${all.length > MOST_FOUND ? `, the first ${MOST_FOUND} shown` : ""}` : "";
      found.replaceChildren(...all.slice(0, MOST_FOUND).map(({ name, slug, unit, said }) => {
        const tile = el("span", { className: "cr-tile" });
        load(`${up}data/layer-${slug}.js`).then(({ sheets }) => {
          const sheet = sheets.pattern ?? Object.values(sheets)[0];
          const place = findTile(sheet, Number(unit));
          if (!place) return;
          tile.style.setProperty("--shape", shapeOf(sheet.tile));
          paintTile(tile, sheet, place.file, place.place, up);
        }, () => {});
        return el("a", { href: `${up}layers/${slug}.html#u${unit}` }, tile, `${name} `, el("b", { textContent: unit }), said.length ? ` ${said.join(", ")}` : "");
      }));
    };
  }
  const MOST_FOUND = 48;

  // -- tilings of channels

  function tiling(box) {
    const picture = box.querySelector("img");
    const mark = el("span", { className: "cr-mark", hidden: true });
    const jump = el("input", { type: "number", min: 0, placeholder: "…" });
    const tip = el("span", { className: "cr-hint", textContent: "select a channel for its raw values" });
    const bar = el("div", { className: "cr-bar-of-controls" }, el("label", {}, "Channel ", jump), tip);
    box.append(mark);
    box.nextElementSibling.append(bar);
    let known = null;
    const ready = () => (known ? Promise.resolve(known) : load(box.dataset.source).then((data) => (known = { name: data.name, ...data.tilings[box.dataset.layer] })));

    function place(event) {
      const frame = picture.getBoundingClientRect();
      const scale = picture.naturalWidth / frame.width || 1;
      const [height, width] = known.tile.map((side) => side + known.margin);
      const column = Math.floor(((event.clientX - frame.left) * scale) / width);
      const row = Math.floor(((event.clientY - frame.top) * scale) / height);
      const channel = row * known.columns + column;
      return column < known.columns && channel >= 0 && channel < known.channels ? { channel, row, column, width, height, scale } : null;
    }

    box.addEventListener("pointermove", async (event) => {
      await ready();
      const at = place(event);
      mark.hidden = !at;
      if (!at) return;
      Object.assign(mark.style, {
        left: `${(at.column * at.width) / at.scale}px`, top: `${(at.row * at.height) / at.scale}px`,
        width: `${known.tile[1] / at.scale}px`, height: `${known.tile[0] / at.scale}px`,
      });
      tip.textContent = `channel ${at.channel}: ${describe(at.channel)}`;
    });
    box.addEventListener("pointerleave", () => { mark.hidden = true; });
    box.addEventListener("click", async (event) => { await ready(); const at = place(event); if (at) open(view(at.channel)); });
    jump.onchange = async () => {
      await ready();
      const channel = Number(jump.value);
      if (jump.value !== "" && channel >= 0 && channel < known.channels) open(view(channel));
    };

    const describe = (channel) => (known.silent.includes(channel) ? "silent" : `${short(known.least[channel])} … ${short(known.most[channel])}`);

    function view(channel) {
      return {
        title: `${known.layer} · channel ${channel} on ${known.name}`,
        address: "",
        step: (by) => (channel + by >= 0 && channel + by < known.channels ? view(channel + by) : null),
        closed: () => jump.focus({ preventScroll: true }),
        body: () => {
          const canvas = el("canvas", { className: "cr-channel", role: "img", ariaLabel: `Channel ${channel} of ${known.layer}` });
          if (known.silent.includes(channel)) canvas.classList.add("cr-silent");
          drawChannel(canvas, box.dataset.up + known.raw, known, channel);
          const scale = el("span", { className: "cr-scale cr-viridis" }, el("i", { textContent: short(known.least[channel]) }), el("i", { textContent: short(known.most[channel]) }));
          const link = el("a", { href: `${box.dataset.up}layers/${box.dataset.layer}.html#u${channel}`, textContent: "What this unit looks for" });
          return el("div", { className: "cr-body" }, el("div", { className: "cr-large" }, canvas, scale), el("div", {},
            table([["least", short(known.least[channel])], ["most", short(known.most[channel])], ["mean", short(known.mean[channel])], ["map", known.map.join(" × ")]]),
            known.silent.includes(channel) ? el("p", { textContent: "Silent: nowhere above zero on this picture." }) : null,
            el("p", {}, link),
            el("p", { className: "cr-hint", textContent: "← → to move, Esc to close." })));
        },
      };
    }
  }

  // -- the activation atlas

  const STRONGEST_ZOOM = 4;

  /** A map to be dragged, scrolled and zoomed; a cell that is selected shows the pictures behind it. */
  async function atlas(box) {
    const { atlas: { grid, side, crop, behind, cells, figures } } = await load(box.dataset.source);
    const view = box.querySelector(".cr-atlas-view");
    const map = box.querySelector(".cr-atlas-map");
    const panel = el("div", { className: "cr-atlas-panel", role: "status" });
    const buttons = cells.map((cell, place) => {
      const button = el("button", { type: "button", tabIndex: -1, ariaLabel: `Cell in row ${cell.row + 1}, column ${cell.column + 1}: ${cell.places} places` });
      Object.assign(button.style, { top: `${(cell.row / grid) * 100}%`, left: `${(cell.column / grid) * 100}%`, width: `${100 / grid}%`, height: `${100 / grid}%` });
      button.onclick = () => select(place);
      return button;
    });
    let zoom = 1;
    let selected = -1;

    function select(place) {
      buttons[selected]?.classList.remove("cr-selected");
      buttons[selected]?.setAttribute("tabindex", "-1");
      selected = place;
      const cell = cells[place];
      buttons[place].classList.add("cr-selected");
      buttons[place].tabIndex = 0;
      const tile = el("span", { className: "cr-tile" });
      paintRegion(tile, figures.map.file, figures.map.size, [cell.row * side, cell.column * side, side, side]);
      const pictures = cell.origins.slice(0, behind).map(([name, said], index) => {
        const one = el("span", { className: "cr-tile", role: "img", ariaLabel: `${name}${said ? `, ${said}` : ""}` });
        one.style.setProperty("--shape", shapeOf(crop));
        paintRegion(one, figures.behind.file, figures.behind.size, [place * crop[0], index * crop[1], ...crop]);
        return el("figure", {}, one, el("figcaption", { textContent: said || name }));
      });
      panel.replaceChildren(tile, el("p", { className: "cr-hint", textContent: `${cell.places} places${cell.score === null ? "" : ` · score ${short(cell.score)}`}` }), el("div", { className: "cr-natural" }, ...pictures));
    }

    /** Keep the middle of what is seen where it is. */
    function magnify(factor) {
      const next = Math.min(Math.max(zoom * factor, 1), STRONGEST_ZOOM);
      const middle = [(view.scrollLeft + view.clientWidth / 2) / map.offsetWidth, (view.scrollTop + view.clientHeight / 2) / map.offsetHeight];
      zoom = next;
      map.style.width = `${zoom * 100}%`;
      view.scrollLeft = middle[0] * map.offsetWidth - view.clientWidth / 2;
      view.scrollTop = middle[1] * map.offsetHeight - view.clientHeight / 2;
    }

    /** The nearest cell in a direction (rows, columns). */
    function beside([down, across]) {
      const from = cells[selected];
      const away = ({ row, column }) => {
        const [y, x] = [row - from.row, column - from.column];
        const along = y * down + x * across;
        return along > 0 ? along + 3 * Math.abs(y * across + x * down) : Infinity;
      };
      const best = cells.reduce((found, cell, place) => (away(cell) < away(cells[found]) ? place : found), selected);
      return away(cells[best]) < Infinity ? best : selected;
    }

    view.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
      if (event.key === "+" || event.key === "-") magnify(event.key === "+" ? 1.5 : 1 / 1.5);
      if (!by) return;
      event.preventDefault();
      select(beside(by));
      buttons[selected].focus({ preventScroll: true });
      buttons[selected].scrollIntoView({ block: "nearest", inline: "nearest" });
    });

    // A mouse drags the map; a finger scrolls it anyway.
    let from = null;
    view.addEventListener("pointerdown", (event) => {
      if (event.pointerType === "mouse" && event.button === 0) from = { x: event.clientX, y: event.clientY, left: view.scrollLeft, top: view.scrollTop, moved: false };
    });
    window.addEventListener("pointermove", (event) => {
      if (!from) return;
      const [x, y] = [event.clientX - from.x, event.clientY - from.y];
      from.moved ||= Math.hypot(x, y) > 4;
      if (from.moved) view.scrollTo(from.left - x, from.top - y);
    });
    view.addEventListener("click", (event) => { if (dragged) { event.stopPropagation(); event.preventDefault(); } }, true);
    let dragged = false;
    window.addEventListener("pointerup", () => {
      dragged = Boolean(from?.moved);
      from = null;
      setTimeout(() => { dragged = false; });
    });

    const control = (text, words, act) => el("button", { type: "button", textContent: text, title: words, ariaLabel: words, onclick: act });
    const bar = el("div", { className: "cr-bar-of-controls" }, control("+", "Larger", () => magnify(1.5)), control("−", "Smaller", () => magnify(1 / 1.5)),
      el("span", { className: "cr-hint", textContent: "drag to move, select a cell for the pictures behind it, arrow keys for its neighbors" }));
    map.append(...buttons);
    box.prepend(bar);
    box.append(panel);
    box.classList.add("cr-live");
    view.removeAttribute("tabindex"); // its buttons are reached instead
    select(cells.reduce((best, cell, place) => (cell.places > cells[best].places ? place : best), 0));
  }

  // -- heatmaps

  function heatmap(box) {
    const still = box.querySelector("img");
    const strength = el("input", { type: "range", min: 0, max: 1, step: 0.05, value: box.dataset.strength });
    const heat = el("img", { className: "cr-heat", src: source("", box.dataset.heat), alt: "" });
    const set = () => { heat.style.opacity = strength.value; };
    still.src = source("", box.dataset.picture);
    const stack = el("span", { className: "cr-stack" });
    still.replaceWith(stack);
    stack.append(still, heat);
    strength.oninput = set;
    set();
    const label = el("label", {}, "strength ", strength);
    const layers = [[box.dataset.layer, box.dataset.heat]];
    for (let number = 0; box.hasAttribute(`data-heat-${number}`); number += 1) {
      layers.push([box.getAttribute(`data-other-${number}`), box.getAttribute(`data-heat-${number}`)]);
    }
    const choice = el("select", {}, ...layers.map(([name], place) => el("option", { value: place, textContent: name })));
    choice.onchange = () => { heat.src = source("", layers[choice.value][1]); };
    box.querySelector("figcaption").replaceChildren(label, ...(layers.length > 1 ? [" ", el("label", {}, "seen from ", choice)] : []));
  }

  function start() {
    document.querySelectorAll(".cr-units").forEach((box) => unitGrid(box).catch(() => box.classList.remove("cr-live")));
    document.querySelectorAll(".cr-find").forEach(finder);
    document.querySelectorAll(".cr-tiling").forEach(tiling);
    document.querySelectorAll(".cr-cam").forEach(heatmap);
    document.querySelectorAll(".cr-atlas").forEach((box) => atlas(box).catch(() => {}));
    const current = document.querySelector(".cr-current");
    if (current) current.parentElement.scrollLeft = current.offsetLeft - current.parentElement.clientWidth / 2;
    document.querySelectorAll(".cr-strip a").forEach((link) => { link.title = link.textContent; });
    // The theme leaves these two without names that tell them apart.
    document.querySelector(".md-search")?.setAttribute("aria-label", "Search");
    document.querySelector(".md-path")?.setAttribute("aria-label", "Breadcrumbs");
  }
  // Tables that the theme lets scroll must be reached by the keyboard, too.
  window.addEventListener("load", () => document.querySelectorAll(".md-typeset__scrollwrap").forEach((box) => {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
  }));
  window.addEventListener("beforeprint", () => painters.forEach((paint) => paint()));
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();

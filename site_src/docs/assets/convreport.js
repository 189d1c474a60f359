/* The viewer of a convreport atlas: unit grids, the unit dialog, channel tilings and heatmap sliders.
 * Without it every page still shows its sheets and pictures; with it they can be explored. No dependencies. */
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

  /** Paint tile `place` of a sheet as a background, half a pixel in from its edges so that neighbours do not bleed in. */
  function paintTile(node, sheet, file, place, up) {
    const columns = Math.min(sheet.columns, file.units.length);
    const rows = Math.ceil(file.units.length / sheet.columns);
    const at = [place % sheet.columns, Math.floor(place / sheet.columns)];
    const share = [columns, rows].map((count, axis) => {
      const side = sheet.tile[1 - axis];
      const size = (count * side) / (side - 1);
      return { size, offset: (at[axis] * side + 0.5) / (side - 1) / (size - 1) };
    });
    node.style.backgroundImage = `url("${up}${file.file}")`;
    node.style.backgroundSize = share.map((one) => `${one.size * 100}%`).join(" ");
    node.style.backgroundPosition = share.map((one) => `${one.offset * 100}%`).join(" ");
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

  // -- the dialog, one a page

  const dialog = el("dialog", { className: "cr-dialog" });
  let showing = null; // { title, body(), step(by), address }

  function open(view) {
    showing = view;
    const close = el("button", { type: "button", textContent: "✕", ariaLabel: "Close", onclick: () => dialog.close() });
    const copy = el("button", { type: "button", textContent: "Copy link" });
    copy.onclick = () => {
      const link = location.href.split("#")[0] + view.address;
      navigator.clipboard?.writeText(link).then(() => { copy.textContent = "Copied"; }, () => {});
    };
    const arrows = [["←", -1, "Previous"], ["→", 1, "Next"]].map(([sign, by, name]) =>
      el("button", { type: "button", textContent: sign, ariaLabel: name, onclick: () => step(by) }));
    dialog.replaceChildren(
      el("header", {}, el("h2", { textContent: view.title }), ...arrows, view.address ? copy : null, close),
      view.body(),
    );
    dialog.setAttribute("aria-label", view.title);
    if (!dialog.isConnected) document.body.append(dialog);
    if (!dialog.open) dialog.showModal();
    if (view.address) setAddress(view.address);
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

  const ORDERS = {
    unit: ["unit", (a, b) => a.unit - b.unit],
    high: ["strongest first", (a, b) => b.value - a.value],
    low: ["weakest first", (a, b) => a.value - b.value],
  };

  async function unitGrid(box) {
    const up = box.dataset.up;
    const data = await load(box.dataset.source);
    const sheet = data.sheets[box.dataset.figure];
    const number = box.dataset.number;
    const units = sheet.units.map((facts) => ({ unit: facts.unit, value: facts[number], facts }));
    const ranked = [...units].sort(ORDERS.high[1]).map((one) => one.unit);
    let order = units;

    const grid = el("div", { className: "cr-grid", role: "group", ariaLabel: `Units of ${data.name}` });
    const painter = new IntersectionObserver((entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        const { file, place } = findTile(sheet, target.unit);
        paintTile(target.firstChild, sheet, file, place, up);
        painter.unobserve(target);
      }
    }, { rootMargin: "400px" });

    const buttons = new Map(units.map(({ unit, value, facts }) => {
      const label = el("span", { className: "cr-label" }, el("b", { textContent: unit }), el("span", { textContent: (box.dataset.prefix || "") + short(value) }));
      const button = el("button", { type: "button", className: "cr-unit" }, el("span", { className: "cr-tile" }), label);
      if (facts.responds === false) button.firstChild.append(el("span", { className: "cr-none", textContent: "no response found" }));
      button.unit = unit;
      button.style.setProperty("--shape", `${sheet.tile[1]} / ${sheet.tile[0]}`);
      button.onclick = () => open(view(unit));
      painter.observe(button);
      return [unit, button];
    }));

    function view(unit) {
      const place = order.findIndex((one) => one.unit === unit);
      return {
        title: `${data.name} · unit ${unit}`,
        address: `#u${unit}`,
        body: () => unitBody(data, unit, ranked.indexOf(unit) + 1, up, `${place + 1} of ${order.length} in the present order. ← → to move, Esc to close.`),
        step: (by) => (order[place + by] ? view(order[place + by].unit) : null),
        closed: () => buttons.get(unit)?.focus(),
      };
    }

    function arrange(way) {
      order = [...units].sort(ORDERS[way][1]);
      grid.replaceChildren(...order.map(({ unit }) => buttons.get(unit)));
    }

    const select = el("select", {}, ...Object.entries(ORDERS).map(([value, [text]]) => el("option", { value, textContent: text })));
    select.onchange = () => arrange(select.value);
    const jump = el("input", { type: "number", min: 0, placeholder: "…" });
    jump.onchange = () => { if (buttons.has(Number(jump.value)) && jump.value !== "") open(view(Number(jump.value))); };
    const bar = el("div", { className: "cr-bar-of-controls" },
      el("label", {}, "Sort ", select), el("label", {}, "Unit ", jump),
      el("span", { className: "cr-hint", textContent: `${units.length} units` }));

    grid.addEventListener("keydown", (event) => {
      const columns = getComputedStyle(grid).gridTemplateColumns.split(" ").length;
      const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
      const all = [...grid.children];
      const next = by && all[all.indexOf(document.activeElement) + by];
      if (next) { event.preventDefault(); next.focus(); }
    });

    arrange("unit");
    box.append(bar, grid);
    box.classList.add("cr-live");
    if (box.hasAttribute("data-main") || !document.querySelector(".cr-units[data-main]")) {
      const follow = () => {
        const unit = Number(/^#u(\d+)$/.exec(location.hash)?.[1] ?? NaN);
        if (buttons.has(unit)) open(view(unit));
      };
      window.addEventListener("hashchange", follow);
      follow();
    }
  }

  /** All that is known of one unit: its pictures, its numbers, its answers. */
  function unitBody(data, unit, rank, up, hint) {
    const pictures = el("div", { className: "cr-large" });
    const rows = [];
    for (const [name, sheet] of Object.entries(data.sheets)) {
      const found = findTile(sheet, unit);
      if (!found) continue;
      const tile = el("div", { className: `cr-tile cr-${name}`, role: "img", ariaLabel: `${name} of unit ${unit}` });
      tile.style.setProperty("--shape", `${sheet.tile[1]} / ${sheet.tile[0]}`);
      paintTile(tile, sheet, found.file, found.place, up);
      pictures.append(tile);
      const facts = sheet.units.find((one) => one.unit === unit);
      if ("score" in facts) {
        rows.push(["score", short(facts.score)], ["rank in the layer", `${rank} of ${sheet.units.length} drawn`], ["score of the noise it began as", short(facts.start)]);
        if ("rank" in facts) rows.push(["its own unit, of all that see it", `${facts.rank}. of ${facts.among}`]);
        if ("verdict" in facts) rows.push(["verdict", facts.verdict]);
        if ("preset" in facts) rows.push(["climbed", `${facts.preset}, ${facts.precision}`]);
      }
      if ("span" in facts) rows.push(["weights", `${short(facts.least)} … ${short(facts.most)}`]);
    }
    const side = el("div", {}, table(rows));
    const answers = data.answers.filter((one) => unit < one.channels);
    if (answers.length) {
      answers.sort((a, b) => b.most[unit] - a.most[unit]);
      side.append(el("h3", { textContent: "Its answers to the pictures" }), el("div", { className: "cr-answers" }, ...answers.map((one) => {
        const canvas = el("canvas", { role: "img", ariaLabel: `Map of unit ${unit} on ${one.name}` });
        if (one.silent.includes(unit)) canvas.className = "cr-silent";
        drawChannel(canvas, up + one.raw, one, unit);
        return el("figure", {}, canvas, el("figcaption", {}, `${one.name} `, el("b", { textContent: one.silent.includes(unit) ? "silent" : short(one.most[unit]) })));
      })));
    }
    side.append(el("p", { className: "cr-hint", textContent: hint }));
    return el("div", { className: "cr-body" }, pictures, side);
  }

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
          const link = el("a", { href: `${box.dataset.up}layers/${box.dataset.layer}.html#u${channel}`, textContent: "What this unit seeks" });
          return el("div", { className: "cr-body" }, el("div", { className: "cr-large" }, canvas, scale), el("div", {},
            table([["least", short(known.least[channel])], ["most", short(known.most[channel])], ["mean", short(known.mean[channel])], ["map", known.map.join(" × ")]]),
            known.silent.includes(channel) ? el("p", { textContent: "Silent: nowhere above zero on this picture." }) : null,
            el("p", {}, link),
            el("p", { className: "cr-hint", textContent: "← → to move, Esc to close." })));
        },
      };
    }
  }

  // -- heatmaps

  function heatmap(box) {
    const still = box.querySelector("img");
    const strength = el("input", { type: "range", min: 0, max: 1, step: 0.05, value: box.dataset.strength });
    const heat = el("img", { className: "cr-heat", src: box.dataset.heat, alt: "" });
    const set = () => { heat.style.opacity = strength.value; };
    still.src = box.dataset.picture;
    const stack = el("span", { className: "cr-stack" });
    still.replaceWith(stack);
    stack.append(still, heat);
    strength.oninput = set;
    set();
    box.querySelector("figcaption").replaceChildren(el("label", {}, "strength ", strength));
  }

  function start() {
    document.querySelectorAll(".cr-units").forEach((box) => unitGrid(box).catch(() => box.classList.remove("cr-live")));
    document.querySelectorAll(".cr-tiling").forEach(tiling);
    document.querySelectorAll(".cr-cam").forEach(heatmap);
    const current = document.querySelector(".cr-current");
    if (current) current.parentElement.scrollLeft = current.offsetLeft - current.parentElement.clientWidth / 2;
    document.querySelectorAll(".cr-strip a").forEach((link) => { link.title = link.textContent; });
  }
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();

document.querySelectorAll(".search").forEach((box) => {
  const held = JSON.parse(box.querySelector("script").textContent);
  const input = box.querySelector("input"), out = box.querySelector(".answers");
  const sheet = `url(${box.dataset.sheet})`;
  function tile(place, name) {
    const span = document.createElement("span");
    span.className = "tile";
    span.setAttribute("role", "img");
    span.setAttribute("aria-label", name);
    span.title = name;
    const x = (place % held.columns) * held.side, y = Math.floor(place / held.columns) * held.side;
    span.style.cssText = `background-image:${sheet};background-position:-${x}px -${y}px;` +
      `width:${held.side}px;height:${held.side}px`;
    return span;
  }
  function show() {
    const words = input.value.toLowerCase().match(/[\p{L}\p{N}_]+/gu) || [];
    // A word of the text counts more than a part of one, and most at its beginning.
    const rank = (q) => words.reduce((sum, word) => sum + (q.words.includes(word) ? 2 : 0) +
      (` ${q.words} `.includes(` ${word} `) ? 2 : 0) + (q.words.startsWith(word) ? 1 : 0), 0);
    const found = held.queries.map((q) => [words.length ? rank(q) : 0, q])
      .filter(([score]) => score > 0).sort((a, b) => b[0] - a[0]).slice(0, 4);
    out.replaceChildren(...found.map(([, q]) => {
      const row = document.createElement("div");
      row.className = "query";
      const asked = document.createElement("div");
      asked.className = "asked";
      asked.textContent = q.text.length > 64 ? q.text.slice(0, 63) + "\u2026" : q.text;
      asked.title = q.text;
      const list = document.createElement("ol");
      list.className = "found pictures";
      q.found.forEach(([place, right]) => {
        const item = document.createElement("li");
        item.className = right ? "right" : "wrong";
        item.append(tile(place, held.names[place]));
        const mark = document.createElement("span");
        mark.className = "mark";
        mark.textContent = right ? "\u2713" : "\u2717";
        item.append(mark);
        list.append(item);
      });
      row.append(asked, list);
      return row;
    }));
    if (words.length && !found.length) out.textContent = "No text of the test part has these words.";
  }
  input.addEventListener("input", show);
  show();
});

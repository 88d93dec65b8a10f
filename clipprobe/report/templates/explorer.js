"use strict";
// Maps over one picture: choose a map, a word or a patch. All text goes in as text.
(function () {
  var UP = "213, 94, 0", DOWN = "0, 90, 170";
  function largest(values) {
    return values.reduce(function (top, value) { return Math.max(top, Math.abs(value)); }, 0);
  }
  function tint(value, top, most) {
    return "rgba(" + (value >= 0 ? UP : DOWN) + ", " + (top ? Math.abs(value) / top * most : 0) + ")";
  }
  function digits(value) { return Number(value.toPrecision(3)).toString(); }
  function signed(value) { return (value > 0 ? "+" : "") + digits(value); }
  function add(parent, name, text) {
    var made = parent.appendChild(document.createElement(name));
    if (text !== undefined) { made.textContent = text; }
    return made;
  }
  function explore(root) {
    var data = JSON.parse(root.querySelector("script").textContent);
    var canvas = root.querySelector("canvas");
    var select = root.querySelector("select");
    var words = root.querySelector(".words");
    var table = root.querySelector(".of-patch");
    var shape = data.layers[0];
    var now = { layer: 0, patch: -1 };
    canvas.width = shape.columns * 32;
    canvas.height = shape.rows * 32;
    data.layers.forEach(function (layer, number) {
      add(select, "option", layer.name).value = String(number);
    });
    var mapped = data.layers.some(function (layer) { return layer.word !== null; });
    function layerOf(word) {
      return data.layers.findIndex(function (layer) { return layer.word === word; });
    }
    var buttons = data.words.map(function (word, number) {
      var button = add(words, "button", word.text);
      button.type = "button";
      add(button, "small");
      var own = layerOf(number);
      button.disabled = own < 0;
      button.addEventListener("click", function () {
        now.layer = now.layer === own ? 0 : own;
        draw();
      });
      return button;
    });
    function colourWords() {
      // With a patch chosen, what each word makes with it; otherwise what each word makes alone.
      var paired = mapped && now.patch >= 0;
      var values = data.words.map(function (word, number) {
        var own = layerOf(number);
        return paired && own >= 0 ? data.layers[own].values[now.patch] : word.value;
      });
      var top = largest(values.filter(function (value) { return value !== null; }));
      buttons.forEach(function (button, number) {
        var value = values[number];
        button.style.backgroundColor = value === null ? "" : tint(value, top, 0.75);
        button.querySelector("small").textContent = value === null ? "" : signed(value);
        button.setAttribute("aria-pressed", String(layerOf(number) === now.layer));
      });
      root.querySelector(".words-note").textContent = !data.words.length ? "" : paired
        ? "Words: what each makes with the chosen patch."
        : "Words: what each adds." + (mapped ? " Choose one to see its map." : "");
    }
    function showPatch() {
      table.textContent = "";
      var row = Math.floor(now.patch / shape.columns), column = now.patch % shape.columns;
      root.querySelector(".patch-note").textContent = now.patch < 0
        ? "Choose a patch: click on the picture, or focus it and use the arrow keys."
        : "Patch in row " + row + ", column " + column + " (from 0), in every map:";
      if (now.patch < 0) { return; }
      data.layers.forEach(function (layer) {
        var line = add(table, "tr");
        var value = layer.values[now.patch];
        add(line, "th", layer.name).scope = "row";
        var cell = add(line, "td", signed(value));
        cell.style.backgroundColor = tint(value, largest(layer.values), 0.6);
        add(line, "td", "rank " + (1 + layer.values.filter(function (other) {
          return other > value;
        }).length) + " of " + layer.values.length);
      });
    }
    function draw() {
      var layer = data.layers[now.layer];
      var top = largest(layer.values);
      var pen = canvas.getContext("2d");
      pen.clearRect(0, 0, canvas.width, canvas.height);
      layer.values.forEach(function (value, place) {
        pen.fillStyle = tint(value, top, 0.75);
        pen.fillRect(place % layer.columns * 32, Math.floor(place / layer.columns) * 32, 32, 32);
      });
      if (now.patch >= 0) {
        pen.lineWidth = 4;
        pen.strokeStyle = "#111111";
        pen.strokeRect(
          now.patch % layer.columns * 32 + 2, Math.floor(now.patch / layer.columns) * 32 + 2, 28, 28
        );
      }
      select.value = String(now.layer);
      root.querySelector(".units").textContent = layer.note;
      root.querySelector(".low").textContent = "-" + digits(top);
      root.querySelector(".high").textContent = "+" + digits(top);
      colourWords();
      showPatch();
    }
    function choose(row, column) {
      if (row < 0 || column < 0 || row >= shape.rows || column >= shape.columns) { return; }
      var place = row * shape.columns + column;
      now.patch = place === now.patch ? -1 : place;
      draw();
    }
    select.addEventListener("change", function () { now.layer = Number(select.value); draw(); });
    canvas.addEventListener("click", function (event) {
      var box = canvas.getBoundingClientRect();
      choose(
        Math.floor((event.clientY - box.top) / box.height * shape.rows),
        Math.floor((event.clientX - box.left) / box.width * shape.columns)
      );
    });
    var steps = {
      ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1]
    };
    canvas.addEventListener("keydown", function (event) {
      var step = steps[event.key];
      if (!step) { return; }
      event.preventDefault();
      var from = Math.max(now.patch, 0);
      choose(
        Math.floor(from / shape.columns) + (now.patch < 0 ? 0 : step[0]),
        from % shape.columns + (now.patch < 0 ? 0 : step[1])
      );
    });
    root.querySelector(".side").hidden = false;
    draw();
  }
  document.querySelectorAll(".explorer").forEach(explore);
})();

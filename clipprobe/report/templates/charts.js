"use strict";
// Draws each chart from the JSON beside it, in the colours of the page, and again when they change.
(function () {
  function colours() {
    var style = getComputedStyle(document.documentElement);
    function value(name) { return style.getPropertyValue(name).trim(); }
    return { ink: value("--ink"), line: value("--line") };
  }
  // A chart is { place, data, layout }; what its author coloured stays as it is.
  function dress(chart, paper) {
    var now = paper ? { ink: "#000000", line: "#999999" } : colours();
    var layout = chart.layout;
    layout.paper_bgcolor = "rgba(0,0,0,0)";
    layout.plot_bgcolor = "rgba(0,0,0,0)";
    layout.font = Object.assign({}, layout.font, { color: now.ink });
    Object.keys(layout).concat(["xaxis", "yaxis"]).forEach(function (key) {
      if (/^[xy]axis\d*$/.test(key)) {
        layout[key] = Object.assign({}, layout[key], {
          gridcolor: now.line, zerolinecolor: now.line, linecolor: now.line
        });
      }
    });
    chart.data.forEach(function (trace) {
      ["error_x", "error_y"].forEach(function (name) {
        if (trace[name] && (!trace[name].color || trace[name].ours)) {
          trace[name] = Object.assign({}, trace[name], { color: now.ink, ours: true });
        }
      });
    });
    return layout;
  }
  var config = { displaylogo: false, responsive: true, topojsonURL: "", showTips: false };
  var charts = [];
  document.querySelectorAll("script[data-chart]").forEach(function (source) {
    var place = document.getElementById(source.getAttribute("data-chart"));
    var figure = JSON.parse(source.textContent);
    if (figure.layout.height) { place.style.minHeight = figure.layout.height + "px"; }
    charts.push({ place: place, data: figure.data, layout: figure.layout, drawn: false });
  });
  // A chart inside a closed fold has no width: it is drawn when the fold opens.
  function draw() {
    charts.forEach(function (chart) {
      if (chart.drawn || !chart.place.getClientRects().length) { return; }
      chart.drawn = true;
      dress(chart, false);
      window.Plotly.newPlot(chart.place, chart.data, chart.layout, config);
    });
  }
  function again(paper) {
    draw();
    charts.forEach(function (chart) {
      if (!chart.drawn) { return; }
      dress(chart, paper);
      window.Plotly.react(chart.place, chart.data, chart.layout, config);
    });
  }
  draw();
  document.addEventListener("toggle", draw, true);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", function () {
    again(false);
  });
  window.addEventListener("beforeprint", function () { again(true); });
  window.addEventListener("afterprint", function () { again(false); });
})();

"use strict";
// Draws each chart from the JSON beside it, in the colours of the page, and again when they change.
(function () {
  function colours() {
    var style = getComputedStyle(document.documentElement);
    function value(name) { return style.getPropertyValue(name).trim(); }
    return { ink: value("--ink"), line: value("--line") };
  }
  function dress(layout) {
    var now = colours();
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
    return layout;
  }
  var config = { displaylogo: false, responsive: true, topojsonURL: "", showTips: false };
  var charts = [];
  document.querySelectorAll("script[data-chart]").forEach(function (source) {
    var place = document.getElementById(source.getAttribute("data-chart"));
    var figure = JSON.parse(source.textContent);
    if (figure.layout.height) { place.style.minHeight = figure.layout.height + "px"; }
    charts.push({ place: place, data: figure.data, layout: figure.layout });
    window.Plotly.newPlot(place, figure.data, dress(figure.layout), config);
  });
  function again() {
    charts.forEach(function (chart) {
      window.Plotly.react(chart.place, chart.data, dress(chart.layout), config);
    });
  }
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  window.addEventListener("beforeprint", again);
  window.addEventListener("afterprint", again);
})();

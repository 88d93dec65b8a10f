"use strict";
// Draws each chart from the JSON beside it, in the colours of the page, and again when they change.
(function () {
  function colours() {
    var style = getComputedStyle(document.documentElement);
    function value(name) { return style.getPropertyValue(name).trim(); }
    return { ink: value("--ink"), line: value("--line") };
  }
  // A chart is { place, data, layout }; what its author coloured stays as it is.
  function dress(chart) {
    var now = colours();
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
    var chart = { place: place, data: figure.data, layout: figure.layout };
    charts.push(chart);
    dress(chart);
    window.Plotly.newPlot(place, chart.data, chart.layout, config);
  });
  function again() {
    charts.forEach(function (chart) {
      dress(chart);
      window.Plotly.react(chart.place, chart.data, chart.layout, config);
    });
  }
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  window.addEventListener("beforeprint", again);
  window.addEventListener("afterprint", again);
})();

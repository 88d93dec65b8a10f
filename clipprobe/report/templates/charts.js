"use strict";
// Draws each chart from the JSON beside it, in the colours of the page, and again when they change.
(function () {
  function colours() {
    var style = getComputedStyle(document.documentElement);
    function value(name) { return style.getPropertyValue(name).trim(); }
    return { ink: value("--ink"), line: value("--line") };
  }
  // On a phone the legend below is a list, which would stand on the title of the axis: it gets a
  // strip of its own at the foot, and the chart is that much higher.
  function narrow(chart) {
    var layout = chart.layout, legend = layout.legend || {};
    var named = chart.data.filter(function (one) { return one.showlegend !== false && one.name; });
    if (chart.wide === undefined) { chart.wide = { legend: legend, height: layout.height }; }
    var listed = chart.place.clientWidth < 480 && layout.showlegend !== false && named.length > 1;
    listed = listed && chart.wide.legend.orientation === "h" && chart.wide.legend.y < 0;
    layout.legend = !listed ? chart.wide.legend : Object.assign({}, chart.wide.legend, {
      yref: "container", y: 0, yanchor: "bottom", xref: "container", x: 0, font: { size: 11 }
    });
    layout.height = listed ? (chart.wide.height || 450) + 19 * named.length : chart.wide.height;
    if (layout.height) { chart.place.style.minHeight = layout.height + "px"; }
    return layout;
  }
  // A chart is { place, data, layout }; what its author coloured stays as it is.
  function dress(chart, paper) {
    var now = paper ? { ink: "#000000", line: "#999999" } : colours();
    var layout = narrow(chart);
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

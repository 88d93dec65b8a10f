"use strict";
// Opens what a link leads to, and everything for paper.
(function () {
  function reveal() {
    var target = null;
    try { target = document.getElementById(decodeURIComponent(location.hash.slice(1))); } catch (e) { return; }
    if (!target) { return; }
    for (var at = target; at; at = at.parentElement) {
      if (at.tagName === "DETAILS") { at.open = true; }
    }
    var fold = target.matches(".rest tr") && target.closest("figure").querySelector("details.more");
    if (fold) { fold.open = true; }
    target.scrollIntoView();
  }
  window.addEventListener("hashchange", reveal);
  document.addEventListener("click", function (event) {
    var link = event.target.closest && event.target.closest("a[href^='#']");
    if (link && link.hash === location.hash) { reveal(); }
  });
  var shut = [];
  window.addEventListener("beforeprint", function () {
    shut = Array.from(document.querySelectorAll("details:not([open])"));
    shut.forEach(function (fold) { fold.open = true; });
  });
  window.addEventListener("afterprint", function () {
    shut.forEach(function (fold) { fold.open = false; });
  });
  reveal();
})();

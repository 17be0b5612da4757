"use strict";
// Language and theme of a page, and what all scripts find its elements by.
const root = document.documentElement;
const $ = (selector, within = document) => within.querySelector(selector);
const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];

const remembered = {
  get(key) { try { return localStorage.getItem("tcmbench-" + key); } catch { return null; } },
  set(key, value) { try { localStorage.setItem("tcmbench-" + key, value); } catch { /* file:// may forbid it */ } },
};
const chinese = () => root.lang === "zh-Hans";
const languageListeners = [];

function setLanguage(language) {
  root.lang = language;
  for (const name of ["aria-label", "placeholder", "title", "data-label"]) {
    const bare = name.replace("data-", "");
    for (const element of $$(`[data-${bare}-zh]`)) {
      if (!element.hasAttribute(`data-${bare}-en`)) element.setAttribute(`data-${bare}-en`, element.getAttribute(name));
      element.setAttribute(name, element.getAttribute(`data-${bare}-${chinese() ? "zh" : "en"}`));
    }
  }
  for (const option of $$("option[data-label]")) option.textContent = option.getAttribute("data-label");
  document.title = `${$("h1").innerText} · tcmbench`;
  languageListeners.forEach((listener) => listener());
}

function setTheme(theme) {
  root.dataset.theme = theme;
  remembered.set("theme", theme);
}

const isDark = () => root.dataset.theme
  ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
$("#theme").addEventListener("click", () => setTheme(isDark() ? "light" : "dark"));
const theme = remembered.get("theme");
if (theme === "dark" || theme === "light") setTheme(theme);
const preferred = () => (navigator.languages ?? [navigator.language]).find((language) => /^(zh|en)\b/i.test(language)) ?? "en";
const spoken = (language) => language?.toLowerCase().startsWith("zh") ? "zh-Hans" : "en";

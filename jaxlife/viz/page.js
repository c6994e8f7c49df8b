// Motion: play what is in view, stop on request, start still for those who asked their system for less of it.
(() => {
  "use strict";
  const root = document.documentElement;
  const button = document.getElementById("motion");
  const cover = document.querySelector(".cover");
  for (const place of document.querySelectorAll("[data-same-as]")) {
    const original = document.getElementById(place.dataset.sameAs);
    const copy = original.cloneNode(false); // shares the text of its source: the file holds each film once
    copy.removeAttribute("id");
    copy.setAttribute("aria-hidden", "true"); // the link's own words say what it is
    place.append(copy);
  }
  if (cover) cover.hidden = false;

  const films = [...document.querySelectorAll("video")];
  const visible = new Set(films);
  let moving = !matchMedia("(prefers-reduced-motion: reduce)").matches;
  const row = (film) => film.closest(".contenders, .tiles, .cover, .clips");
  const align = (film) => { // side by side, worlds show the same moment
    const leader = films.find((other) => row(other) === row(film) && !other.paused && other.readyState > 2);
    if (leader && leader !== film && leader.duration === film.duration) film.currentTime = leader.currentTime;
  };
  const play = (film) => {
    if (!moving || !visible.has(film)) {
      film.pause();
    } else if (film.paused) {
      film.addEventListener("playing", () => align(film), { once: true });
      film.play().catch(() => {}); // refused or interrupted: the first frame stays
    }
  };
  const show = () => {
    root.dataset.motion = moving ? "on" : "off";
    button.textContent = moving ? "Pause" : "Play";
    films.forEach(play);
  };
  button.hidden = films.length === 0;
  button.addEventListener("click", () => {
    moving = !moving;
    show();
  });
  const watcher = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) visible.add(target);
      else visible.delete(target);
      play(target);
    }
  }, { rootMargin: "120px" });

  const settle = (film) => {
    film.dataset.state = film.error ? "failed" : "ready";
    if (film.error && !film.dataset.told) {
      const note = document.createElement("p");
      note.className = "failed";
      note.textContent = "This browser cannot play H.264 film.";
      film.dataset.told = "yes";
      film.after(note);
    }
    const count = (state) => films.filter((f) => f.dataset.state === state).length;
    root.dataset.films = `${count("ready")} of ${films.length}`;
  };
  for (const film of films) {
    film.muted = true;
    film.autoplay = false; // it is there for browsers that run no scripts
    film.pause();
    film.addEventListener("loadeddata", () => settle(film));
    film.addEventListener("error", () => settle(film));
    if (film.readyState >= 2 || film.error) settle(film);
    watcher.observe(film);
  }
  show();
})();

// Chat with one model or two: what they say is put into the page as it comes. What a model, a tool or a person said
// becomes text nodes; only what our own window has rendered (the receipt under an answer) is markup.

const LONGEST_NODE = 4000; // characters of one text node: adding to a long one would copy it each time
const SPEAK_EVERY = 1500; // milliseconds between two announcements
const SENTENCE = /[.!?؟。！？…](?=\s|$)|\n/g;

const form = document.querySelector("#playground");
if (form) start(form);

function start(form) {
  const at = (name) => form.querySelector(`[data-${name}]`);
  const say = form.elements.namedItem("say");
  const send = at("send");
  const stop = at("stop");
  const state = { leave: null };

  form.addEventListener("submit", (event) => {
    if (event.submitter && event.submitter.value !== "send") return;
    event.preventDefault();
    if (!state.leave) converse();
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.isComposing) {
      event.preventDefault();
      form.requestSubmit(send);
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") state.leave?.abort();
  });
  stop.addEventListener("click", () => state.leave?.abort());
  at("anew").addEventListener("click", (event) => {
    event.preventDefault();
    state.leave?.abort();
    for (const talk of form.querySelectorAll("[data-side]")) forget(talk);
    say.focus();
  });
  for (const choice of form.querySelectorAll('[name="ask-with"]')) choice.addEventListener("change", showKey);
  form.elements.namedItem("model-b").addEventListener("input", showSides);
  showKey();
  showSides();
  for (const text of form.querySelectorAll("[data-said]")) fence(text);

  function showKey() {
    const pasted = form.querySelector('[name="ask-with"][value="pasted"]');
    const field = at("key");
    if (!pasted || pasted.type !== "radio") return;
    field.hidden = !pasted.checked;
    at("with").textContent = form.querySelector('[name="ask-with"]:checked + label').textContent;
  }

  function showSides() {
    const two = form.elements.namedItem("model-b").value.trim() !== "";
    form.toggleAttribute("data-two", two);
    form.querySelector('[data-side="b"]').hidden = !two;
  }

  async function converse() {
    const leave = (state.leave = new AbortController());
    const sides = ["a", "b"].filter((side) => side === "a" || form.hasAttribute("data-two"));
    const fields = new URLSearchParams(new FormData(form));
    const held = document.activeElement;
    for (const each of form.querySelectorAll("[data-wrong]")) each.remove();
    for (const each of form.querySelectorAll("[aria-invalid]")) each.removeAttribute("aria-invalid");
    send.setAttribute("aria-disabled", "true");
    stop.hidden = false;
    const talks = sides.map((side) => new Talk(form, form.querySelector(`[data-side="${side}"]`), fields, leave.signal));
    const done = await Promise.allSettled(talks.map((talk) => talk.run()));
    state.leave = null;
    send.removeAttribute("aria-disabled");
    stop.hidden = true;
    if (!say.value && !done.some((each) => each.value)) say.value = fields.get("say"); // it was not taken
    const bad = form.querySelector("[aria-invalid]");
    const there = [held, stop, document.body].includes(document.activeElement); // elsewhere it is the reader's
    if (bad || there) (bad || say).focus({ preventScroll: !bad });
  }
}

// One question to one model, and its answer.
class Talk {
  constructor(form, root, fields, signal) {
    Object.assign(this, { form, root, signal, side: root.dataset.side, receipt: null, finish: null });
    this.fields = new URLSearchParams(fields);
    this.fields.set("side", this.side);
    this.kept = root.querySelector("input"); // the conversation, as the form sends it
    this.turns = JSON.parse(this.kept.value || "[]");
    [this.text, this.reasoning, this.calls] = [[], [], new Map()]; // calls by what the model numbers them with
    this.told = this.refused = this.ended = false;
  }

  // Whether the question was taken.
  async run() {
    const words = this.form.dataset;
    const answer = await this.post(words.stream).catch(() => null);
    if (!answer && this.signal.aborted) return false;
    const kind = answer?.headers.get("content-type") || "";
    if (answer?.status === 422 && kind.startsWith("application/json")) {
      this.wrong((await answer.json()).errors);
      return false;
    }
    this.open();
    if (!kind.startsWith("text/event-stream")) {
      const out = answer?.type === "opaqueredirect" || [401, 403].includes(answer?.status);
      this.fail(out ? words.signedOut : words.away);
      return false;
    }
    try {
      await read(answer.body, (name, data) => this.event(name, data));
      if (!this.ended && !this.told) this.fail(words.broke);
    } catch (error) {
      if (!this.signal.aborted) this.fail(words.broke);
    }
    await this.close();
    return !this.refused;
  }

  post(path, signal = this.signal) {
    return fetch(path, { method: "POST", body: this.fields, redirect: "manual", signal });
  }

  // The question and the place of its answer, in the page.
  open() {
    const list = this.root.querySelector("[data-turns]");
    const calls = openCalls(this.turns);
    const outputs = [...this.root.querySelectorAll("[data-output]")];
    calls.forEach((call, index) => {
      const text = outputs[index]?.value || "";
      this.turns.push({ role: "tool", content: text, tool_call_id: call.id });
      this.put(list, "tool", text);
    });
    this.root.querySelector("[data-outputs]").replaceChildren();
    const said = this.fields.get("say");
    const field = this.form.elements.namedItem("say");
    if (field.value === said) field.value = ""; // the next one may be written meanwhile
    if (said.trim()) {
      this.turns.push({ role: "user", content: said });
      this.put(list, "user", said);
    }
    this.item = this.put(list, "model", "");
    slot(this.item, "name").textContent = this.fields.get(`model-${this.side}`);
    this.item.setAttribute("aria-busy", "true");
    this.said = new Growing(slot(this.item, "text"));
    this.thought = new Growing(slot(this.item, "thoughts"));
    this.spoken = new Spoken(this.root.querySelector("[data-live]"));
    this.item.scrollIntoView({ block: "nearest" });
  }

  put(list, kind, text) {
    const item = copy(`turn-${kind}`);
    slot(item, "text").append(text);
    list.append(item);
    return list.lastElementChild;
  }

  event(name, data) {
    if (name === "begun") {
      this.receipt = JSON.parse(data).receipt;
    } else if (name === "told") {
      const { html, refused } = JSON.parse(data);
      this.refused = refused;
      this.show(html);
    } else if (data === "[DONE]") {
      this.ended = true;
    } else {
      this.chunk(JSON.parse(data));
    }
  }

  chunk(document) {
    if (document.error && !document.choices) {
      this.ended = true;
      this.fail(this.form.dataset.broke, document.error.message);
      return;
    }
    const choice = document.choices?.[0];
    if (!choice) return;
    this.finish = choice.finish_reason || this.finish;
    const delta = choice.delta || {};
    const thought = delta.reasoning_content || delta.reasoning;
    if (typeof thought === "string" && thought) {
      this.reasoning.push(thought);
      this.thought.add(thought);
      slot(this.item, "reasoning").hidden = false;
    }
    const text = words(delta.content) + words(delta.refusal);
    if (text) {
      this.text.push(text);
      this.said.add(text);
      this.spoken.add(text);
    }
    for (const part of delta.tool_calls || []) this.called(part);
  }

  called(part) {
    const index = part.index ?? this.calls.size;
    let call = this.calls.get(index);
    if (!call) {
      const item = copy("tool-call");
      const list = slot(this.item, "calls");
      list.hidden = false;
      list.append(item);
      const node = list.lastElementChild;
      call = { id: "", name: "", pieces: [], node, grows: new Growing(slot(node, "arguments")) };
      this.calls.set(index, call);
    }
    call.id = part.id || call.id;
    const called = part.function || {};
    if (called.name) slot(call.node, "name").textContent = call.name = called.name;
    if (called.arguments) {
      call.pieces.push(called.arguments);
      call.grows.add(called.arguments);
    }
  }

  async close() {
    for (const each of [this.said, this.thought, ...[...this.calls.values()].map((call) => call.grows)]) each.flush();
    this.spoken.end();
    if (this.signal.aborted) this.note(this.form.dataset.stopped);
    else if (this.finish === "length") this.note(this.form.dataset.cut);
    this.item.removeAttribute("aria-busy");
    if (!this.item.isConnected) return; // a new conversation has begun
    if (!this.refused) this.remember();
    if (!this.told && this.receipt) await this.ask();
    slot(this.item, "waiting").remove();
  }

  // What was left or broke off has a receipt as well: the window is asked for it.
  async ask() {
    this.fields.set("receipt", this.receipt);
    const answer = await this.post(this.form.dataset.told, null).catch(() => null);
    if (answer?.ok) this.show(await answer.text()); // else it stands without: the page of requests has it
  }

  remember() {
    const content = this.text.join("");
    const calls = [...this.calls.values()];
    if (!content && !calls.length) return; // a question without an answer is not gone on from
    const turn = { role: "assistant", content: content || null };
    if (calls.length) {
      if (this.reasoning.length) turn.reasoning_content = this.reasoning.join("");
      turn.tool_calls = calls.map((call) => ({
        id: call.id,
        type: "function",
        function: { name: call.name, arguments: call.pieces.join("") },
      }));
      const outputs = this.root.querySelector("[data-outputs]");
      calls.forEach((call, index) => {
        const field = copy("tool-output");
        slot(field, "name").textContent = call.name;
        const input = field.querySelector("[data-output]");
        input.name = `output-${this.side}-${index}`;
        outputs.append(field);
      });
    }
    this.turns.push(turn);
    this.kept.value = JSON.stringify(this.turns);
    fence(slot(this.item, "text"));
  }

  show(html) {
    this.told = true;
    slot(this.item, "told").replaceChildren(...new DOMParser().parseFromString(html, "text/html").body.childNodes);
    if (this.refused) this.item.scrollIntoView({ block: "nearest" });
  }

  note(text) {
    slot(this.item, "note").textContent = text;
    slot(this.item, "note").hidden = false;
  }

  fail(text, detail = "") {
    this.refused = this.refused || !this.text.length;
    const place = slot(this.item, "fault");
    place.hidden = false;
    slot(place, "what").textContent = text;
    slot(place, "detail").textContent = detail;
    slot(this.item, "waiting").hidden = true;
    this.item.removeAttribute("aria-busy");
    this.spoken.tell(text);
  }

  wrong(errors) {
    for (const [name, text] of Object.entries(errors)) {
      const field = this.form.elements.namedItem(name);
      if (!field || field.hasAttribute("aria-invalid")) continue;
      const said = copy("wrong");
      slot(said, "text").textContent = text;
      said.firstElementChild.id = `wrong-${name}`;
      (field.closest(".box") || field).after(said);
      field.setAttribute("aria-invalid", "true");
      const help = (field.getAttribute("aria-describedby") || "").replace(/wrong-\S+ ?/, "");
      field.setAttribute("aria-describedby", `wrong-${name} ${help}`);
      const folded = field.closest("details");
      if (folded) folded.open = true;
    }
  }
}

// Text that grows at its end, put in once for each frame that is drawn.
class Growing {
  constructor(place) {
    this.place = place;
    this.pieces = [];
    this.frame = 0;
    this.node = null;
  }

  add(text) {
    this.pieces.push(text);
    if (!this.frame) this.frame = requestAnimationFrame(() => this.flush());
  }

  flush() {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    if (!this.pieces.length) return;
    const below = innerHeight + scrollY >= document.documentElement.scrollHeight - 80;
    const text = this.pieces.join("");
    this.pieces = [];
    if (this.node && this.node.length < LONGEST_NODE) this.node.appendData(text);
    else this.place.append((this.node = document.createTextNode(text)));
    if (below) scrollTo({ top: document.documentElement.scrollHeight });
  }
}

// What screen readers say: whole sentences, no faster than they can.
class Spoken {
  constructor(place) {
    this.place = place;
    this.rest = "";
    this.ready = "";
    this.timer = 0;
    place.textContent = "";
  }

  add(text) {
    this.rest += text;
    let end = this.rest.length > LONGEST_NODE ? this.rest.length : 0;
    for (const found of this.rest.matchAll(SENTENCE)) end = found.index + found[0].length;
    if (!end) return;
    this.tell(this.rest.slice(0, end));
    this.rest = this.rest.slice(end);
  }

  tell(text) {
    this.ready += text;
    if (!this.timer) this.timer = setTimeout(() => this.say(), SPEAK_EVERY);
  }

  say() {
    this.timer = 0;
    this.place.textContent = this.ready.trim();
    this.ready = "";
  }

  end() {
    if (this.rest) this.tell(this.rest);
    this.rest = "";
  }
}

// Events as they come: `take` gets the name and the data of each.
async function read(body, take) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const parts = (rest + value.replaceAll("\r", "")).split("\n\n");
    rest = parts.pop();
    for (const part of parts) {
      let name = "message";
      const data = [];
      for (const line of part.split("\n")) {
        if (line.startsWith("event:")) name = line.slice(6).trim();
        else if (line.startsWith("data:")) data.push(line.slice(5).trim());
      }
      if (data.length) take(name, data.join("\n"));
    }
  }
}

// Blocks of code between lines of three backticks, in a place that has text alone.
function fence(place) {
  const parts = place.textContent.split(/^```[^\n`]*\n?/m);
  if (parts.length < 3) return;
  place.replaceChildren();
  parts.forEach((part, index) => {
    if (index % 2) {
      const code = document.createElement("code");
      code.textContent = part.replace(/\n$/, "");
      const block = document.createElement("pre");
      block.dir = "ltr";
      block.tabIndex = 0;
      block.append(code);
      place.append(block);
    } else if (part.trim()) place.append(part.replace(/^\n+|\n+$/g, ""));
  });
}

function forget(talk) {
  for (const each of talk.querySelectorAll("[data-turns], [data-outputs]")) each.replaceChildren();
  talk.querySelector("input").value = "";
}

function openCalls(turns) {
  return turns.at(-1)?.tool_calls || [];
}

function words(content) {
  if (typeof content === "string") return content;
  return Array.isArray(content) ? content.map((part) => (typeof part.text === "string" ? part.text : "")).join("") : "";
}

function copy(id) {
  return document.getElementById(id).content.cloneNode(true);
}

function slot(root, name) {
  return root.querySelector(`[data-slot="${name}"]`);
}

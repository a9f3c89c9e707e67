// Portkey's start script gives `listen` no host, so it would bind every address. Preloaded, this holds it to loopback.
import net from "node:net";
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (first, ...rest) {
  if (typeof first === "number") return listen.call(this, first, "127.0.0.1", ...rest.filter((x) => typeof x === "function"));
  return listen.call(this, { ...first, host: "127.0.0.1" }, ...rest);
};

// Package api is the HTTP API of one device: records as JSON, import and export
// as JSON lines, the change feed as JSON lines or server-sent events. It is
// described by openapi.json, which it serves and which its tests compare with
// what it does.
//
// A write is answered once it is durable. What a writer had seen it says with
// If-Match: a stale version makes siblings, never an overwrite and never an
// error. Errors are problem documents (RFC 9457); none quotes a value, and no
// value of a record gets into a log.
//
// Whoever asks needs a token; /healthz alone is open. The device's own token may do
// everything. An app's may read, and write unless it is told not to; what it may not
// is decided by the table of routes. A foreign Host or Origin is refused, so that no
// web page can reach a device through a browser on it, except at an origin that the
// token of an app names. Wrong tokens are limited, right ones never wait.
//
// An answer that is cut off, as an export by a failing disk, ends with a broken
// connection and so is never taken for a whole one. A slow reader costs nobody
// else: each follows the store at its own pace, and one that takes nothing for
// some seconds is let go.
package api

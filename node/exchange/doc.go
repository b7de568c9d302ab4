// Package exchange turns records into JSON and back: single values, and lines
// of {"collection","id","fields"} as `musafir import` takes and `musafir
// export` writes.
//
// What is written comes back as it was. A number without point or exponent is
// a 64-bit integer (-0 is 0) and one beyond that an error; every other number
// is a float, must be finite, and is rendered with a point or an exponent so
// that it stays one. Null, {} and [] are values. The order of keys and the
// spelling of numbers and escapes are not kept: keys are rendered in
// alphabetical order (by their bytes), text as UTF-8 with only those escapes
// that JSON demands.
//
// JSON has no bytes. They are rendered as {"$bytes":"<base64>"}, for people to
// see; read again this is an object like any other. All other values V satisfy
// ParseJSON(AppendJSON(nil, V)) == V.
//
// Input is taken strictly: UTF-8, no key twice in an object, no half of a
// surrogate pair, no nesting beyond [crdt.MaxValueDepth], nothing after the
// end. An [InputError] says what is wrong and where. No error ever quotes a
// value, so that no record gets into a log; names of fields and collections it
// may quote.
//
// The package is pure: it reads what the caller's io.Reader gives, and nothing
// else.
package exchange

// Package patient serves HTTP to whoever keeps going. An answer may be as long as it likes
// while its reader keeps reading, and a request while its writer keeps writing; who does
// neither is let go, and so costs nobody else.
package patient

//go:build linux && race

package main

// The race detector takes so many times the memory, and so much more time that a part
// of what is done by the thousand is enough.
const (
	raceFactor = 8
	raceShare  = 3
)

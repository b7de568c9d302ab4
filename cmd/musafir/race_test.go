//go:build race

package main

// The race detector takes so many times the memory and the time. Of what is done by the
// thousand a part is enough.
const (
	raceFactor = 8
	raceSlow   = 2
	raceShare  = 3
)

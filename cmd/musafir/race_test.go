//go:build race

package main

// The race detector takes so many times the memory and the time.
const (
	raceFactor = 8
	raceSlow   = 2
)

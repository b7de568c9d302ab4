//go:build linux && !race

package main

const (
	raceFactor = 1
	raceShare  = 1
)

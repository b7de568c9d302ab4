//go:build !race

package main

const (
	raceFactor = 1
	raceSlow   = 1
)

//go:build !linux

package main

// memoryBytes is the machine's memory, 0 if unknown.
func memoryBytes() uint64 { return 0 }

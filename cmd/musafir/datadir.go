package main

import (
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
)

// dataDir is where the device lives.
func (a *app) dataDir() string {
	if a.data != "" {
		return a.data
	}
	if dir := os.Getenv("MUSAFIR_DATA"); dir != "" {
		return dir
	}
	return defaultDataDir()
}

// defaultDataDir follows the operating system's convention; "" if that needs a home
// and there is none.
func defaultDataDir() string {
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	switch runtime.GOOS {
	case "windows":
		if dir := os.Getenv("LOCALAPPDATA"); dir != "" {
			return filepath.Join(dir, "Musafir")
		}
		return filepath.Join(home, "AppData", "Local", "Musafir")
	case "darwin":
		return filepath.Join(home, "Library", "Application Support", "Musafir")
	}
	if dir := os.Getenv("XDG_DATA_HOME"); dir != "" {
		return filepath.Join(dir, "musafir")
	}
	return filepath.Join(home, ".local", "share", "musafir")
}

// Heap limits of the two profiles.
const (
	desktopHeapBytes = 512 << 20
	tabletHeapBytes  = 128 << 20
	tabletRAMBytes   = 3 << 30 // a device with less is a tablet
)

// tabletGarbage is how much garbage a tablet's heap may gather, in percent of what lives.
// The caches live, and with as much garbage the heap is twice their size long before it
// comes to its limit; collecting it twice as often takes a twentieth of the work.
const tabletGarbage = 50

// setMemoryLimit keeps the heap small enough for the device, unless GOMEMLIMIT
// says otherwise. $MUSAFIR_PROFILE (desktop, tablet) overrides the guess.
func setMemoryLimit() {
	if os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	limit := int64(desktopHeapBytes)
	switch os.Getenv("MUSAFIR_PROFILE") {
	case "desktop":
	case "tablet":
		limit = tabletHeapBytes
	default:
		if ram := memoryBytes(); ram > 0 && ram < tabletRAMBytes {
			limit = tabletHeapBytes
		}
	}
	debug.SetMemoryLimit(limit)
	if limit == tabletHeapBytes && os.Getenv("GOGC") == "" {
		debug.SetGCPercent(tabletGarbage)
	}
}

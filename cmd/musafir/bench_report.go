package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"text/tabwriter"
)

// A benchReport is what a bench found.
type benchReport struct {
	Machine   machineDoc       `json:"machine"`
	Scenarios []map[string]any `json:"scenarios"`

	results []measured
}

// A machineDoc is what the numbers depend on.
type machineDoc struct {
	CPUs      int    `json:"cpus"`
	HeapLimit int64  `json:"heap_limit_bytes"` // of each daemon; 0: none
	Profile   string `json:"profile"`
	OS        string `json:"os"`
	Arch      string `json:"arch"`
	Version   string `json:"version"`
}

// thisMachine describes the machine. The daemons find the limit of their heap as
// this process did.
func thisMachine() machineDoc {
	m := machineDoc{
		CPUs: runtime.NumCPU(), HeapLimit: debug.SetMemoryLimit(-1), Profile: os.Getenv("MUSAFIR_PROFILE"),
		OS: runtime.GOOS, Arch: runtime.GOARCH, Version: programVersion(),
	}
	switch m.HeapLimit {
	case math.MaxInt64:
		m.HeapLimit = 0
	case desktopHeapBytes:
		m.Profile = "desktop"
	case tabletHeapBytes:
		m.Profile = "tablet"
	}
	return m
}

func (m machineDoc) describe() string {
	limit := "no heap limit"
	if m.HeapLimit > 0 {
		limit = fmt.Sprintf("heap limit %d MiB", m.HeapLimit>>20)
	}
	if m.Profile != "" {
		limit += fmt.Sprintf(" (profile %s)", m.Profile)
	}
	return fmt.Sprintf("%d CPUs, %s, %s/%s, musafir %s", m.CPUs, limit, m.OS, m.Arch, m.Version)
}

// A column is one number of a result: a name with its unit for people, and one for
// programs.
type column struct {
	header string
	key    string
	value  float64
	digits int // behind the point
}

// unknown is a number that cannot be had on this system.
var unknown = math.NaN()

func (c column) text() string {
	if math.IsNaN(c.value) {
		return "-"
	}
	return fmt.Sprintf("%.*f", c.digits, c.value)
}

// add takes a result in.
func (r *benchReport) add(name string, m measured) {
	doc := map[string]any{"name": name}
	for _, c := range m.columns() {
		if !math.IsNaN(c.value) {
			doc[c.key] = c.value
		}
	}
	r.Scenarios = append(r.Scenarios, doc)
	r.results = append(r.results, m)
}

func (a *app) printReport(r *benchReport) error {
	if a.json {
		return a.printJSON(r)
	}
	a.print("%s\n", r.Machine.describe())
	for _, m := range r.results {
		a.print("\n%s\n", m.title())
		if err := printColumns(a.out, m.columns()); err != nil {
			return err
		}
	}
	return nil
}

// printColumns prints numbers below their headers, both to the right.
func printColumns(out io.Writer, columns []column) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', tabwriter.AlignRight)
	for _, c := range columns {
		fmt.Fprintf(w, "%s\t", c.header)
	}
	fmt.Fprintln(w)
	for _, c := range columns {
		fmt.Fprintf(w, "%s\t", c.text())
	}
	fmt.Fprintln(w)
	return w.Flush()
}

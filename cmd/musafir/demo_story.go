package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"
)

// A demoStory is what the demo does, step by step, as people at three devices would.
// What it says happened was read back from the devices; where they say otherwise,
// it ends with an error.
type demoStory struct {
	*app
	camp                 *localCamp
	desk, tent, pharmacy *localDevice

	steps    []*demoStep
	records  uint64
	patients []recordDoc       // as they were before anybody wrote
	names    map[string]string // of devices, by id
}

// A demoStep is one step, as it is told.
type demoStep struct {
	Title   string   `json:"title"`
	Said    []string `json:"said"`
	Seconds float64  `json:"seconds"`
}

func (s *demoStory) tell(ctx context.Context) error {
	for _, step := range []struct {
		title string
		do    func(context.Context) error
	}{
		{"Three devices make a camp: one founds it, the others join with a code.", s.gather},
		{"Records come in at registration and in the pharmacy, at the same time.", s.arrive},
		{"The tablet is carried out of reach, and the work goes on.", s.apart},
		{"The tablet comes back, and their work meets.", s.meet},
		{"Noor asks the patients and settles it, on the tablet.", s.settle},
		{"Who wrote what, as the pharmacy sees it:", s.lookBack},
	} {
		if err := s.step(ctx, step.title, step.do); err != nil {
			return err
		}
	}
	if !s.json {
		s.print("Nothing was lost: every value that anybody wrote is in the history.\n")
	}
	return nil
}

// step does one step and says how long it took.
func (s *demoStory) step(ctx context.Context, title string, do func(context.Context) error) error {
	st := &demoStep{Title: title, Said: []string{}}
	s.steps = append(s.steps, st)
	if !s.json {
		s.print("%d. %s\n", len(s.steps), title)
	}
	began := time.Now()
	if err := do(ctx); err != nil {
		return fmt.Errorf("step %d of the demo: %w", len(s.steps), err)
	}
	st.Seconds = time.Since(began).Seconds()
	if !s.json {
		s.print("   (%.2f s)\n\n", st.Seconds)
	}
	return nil
}

// tells adds a line to the step.
func (s *demoStory) tells(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	st := s.steps[len(s.steps)-1]
	st.Said = append(st.Said, line)
	if !s.json {
		s.print("   %s\n", line)
	}
}

// expect is the error of a step that did not come out as said.
func expect(met bool, format string, args ...any) error {
	if met {
		return nil
	}
	return withHint(fmt.Errorf("expected "+format, args...), "This should not happen: please report it.")
}

type demoDoc struct {
	Steps   []*demoStep     `json:"steps"`
	Devices []demoDeviceDoc `json:"devices"`
}

type demoDeviceDoc struct {
	Name  string `json:"name"`
	HTTP  string `json:"http"`
	Token string `json:"token"` // the file that holds it
}

func (s *demoStory) document() demoDoc {
	doc := demoDoc{Steps: s.steps}
	for _, d := range s.camp.devices {
		doc.Devices = append(doc.Devices, demoDeviceDoc{d.name, d.base, filepath.Join(d.dir, tokenName)})
	}
	return doc
}

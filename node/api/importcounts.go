package api

import (
	"context"

	"musafir/crdt"
	"musafir/node/clinic"
)

// countedMax is how much of the lines that say what is in stock waits for the rest of an import.
const countedMax = 4 << 20

// importCounts are lines that say how much of something is in stock. They wait until the other
// lines are written: what those say is dispensed is in the count.
type importCounts struct {
	lines []*line
	bytes int
}

func (w *lineWriter) countLater(ctx context.Context, l *line) error {
	w.busy[l.said.Key] = true
	w.counts.lines = append(w.counts.lines, l)
	if w.counts.bytes += l.size(); w.counts.bytes > countedMax {
		return w.flush(ctx)
	}
	return nil
}

// writeCounts writes the lines that waited. All others are written.
func (w *lineWriter) writeCounts(ctx context.Context) error {
	lines, err := w.counted(w.counts.lines)
	w.counts = importCounts{}
	clear(w.busy)
	for _, l := range lines {
		if err == nil {
			err = w.write(ctx, l)
		}
	}
	return err
}

// counted makes the lines counts that say how much is in stock, and gives back those that still
// change something.
func (w *lineWriter) counted(lines []*line) (changing []*line, err error) {
	said := make([]*crdt.Edit, len(lines))
	counts := make([]bool, len(lines))
	for i, l := range lines {
		said[i] = l.said
		if counts[i], err = clinic.CountsAnew(l.said, w.backend); err != nil {
			return nil, err
		}
	}
	if err := clinic.CountImported(said, w.backend); err != nil {
		return nil, err
	}
	for i, l := range lines {
		changes := true
		if counts[i] {
			l.shape()
			if changes, err = w.check(l); err != nil {
				return nil, err
			}
		}
		if changes {
			changing = append(changing, l)
		}
	}
	return changing, nil
}

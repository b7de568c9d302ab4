package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"

	"github.com/schollz/progressbar/v3" // progress of long work, on a terminal
	"github.com/spf13/cobra"
	"golang.org/x/term" // tells a terminal from a pipe
)

func (a *app) importCommand() *cobra.Command {
	var atomic bool
	c := &cobra.Command{
		Use:   "import [FILE | -]",
		Short: `Take in records, one {"collection","id","fields"} a line, plain or gzip`,
		Long: `Take in records, one {"collection","id","fields"} a line, plain or gzip. Fields that
a line leaves out stay as they are. A bad line is reported by its number and the rest
goes on. With --atomic all lines are checked first and nothing is taken in if one is
bad; what fits into one entry (1,024 records, 224 KiB) is then all or nothing, and a
larger file that is cut off half-way can simply be imported again.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			in, size, err := a.openInput(args)
			if err != nil {
				return err
			}
			defer in.Close()
			return a.importLines(c.Context(), in, size, atomic)
		},
	}
	c.Flags().BoolVar(&atomic, "atomic", false, "take in nothing if any line is bad")
	return a.writes(c)
}

// openInput is a file, or standard input; size is -1 if it is not known.
func (a *app) openInput(args []string) (io.ReadCloser, int64, error) {
	if len(args) == 0 || args[0] == "-" {
		return io.NopCloser(a.in), -1, nil
	}
	f, err := os.Open(args[0])
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, usage(fmt.Errorf("there is no file %s", args[0]))
	}
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = usage(fmt.Errorf("%s is a directory", args[0]))
	}
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, info.Size(), nil
}

type importDoc struct {
	Lines     int `json:"lines"`
	Imported  int `json:"imported"`
	Unchanged int `json:"unchanged"`
	Failed    int `json:"failed"`
	Errors    []struct {
		Line  int    `json:"line"`
		Error string `json:"error"`
	} `json:"errors"`
}

func (a *app) importLines(ctx context.Context, in io.Reader, size int64, atomic bool) error {
	if bar := a.progress(size, "import"); bar != nil {
		r := progressbar.NewReader(in, bar)
		in = &r
		defer bar.Finish() //nolint:errcheck // a bar
	}
	return a.with(ctx, func(c *client) error {
		header := http.Header{"Content-Type": {"application/x-ndjson"}}
		resp, err := c.send(ctx, http.MethodPost, fmt.Sprintf("/v1/import?atomic=%t", atomic), in, header)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			return fmt.Errorf("read musafir's answer: %w", err)
		}
		return a.sayImported(b)
	})
}

func (a *app) sayImported(b json.RawMessage) error {
	var doc importDoc
	if err := json.Unmarshal(b, &doc); err != nil {
		return fmt.Errorf("read musafir's answer: %w", err)
	}
	for _, e := range doc.Errors {
		a.say("line %d: %s", e.Line, e.Error)
	}
	if more := doc.Failed - len(doc.Errors); more > 0 {
		a.say("... and %d bad lines more", more)
	}
	if a.json {
		if err := a.printDocument(b); err != nil {
			return err
		}
	} else {
		a.say("%d records imported, %d were there already, %d bad lines.", doc.Imported, doc.Unchanged, doc.Failed)
	}
	if doc.Failed > 0 {
		return usage(errSaid)
	}
	return nil
}

// progress is a bar on a terminal, nil elsewhere.
func (a *app) progress(size int64, what string) *progressbar.ProgressBar {
	f, ok := a.errs.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	return progressbar.NewOptions64(size, progressbar.OptionSetWriter(f), progressbar.OptionSetDescription(what),
		progressbar.OptionShowBytes(true), progressbar.OptionClearOnFinish())
}

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"musafir/discovery"
	"musafir/node/api"
	"musafir/node/doctor"
	"musafir/store"
)

// lookFor is how long the network is watched where no daemon has done so.
const lookFor = 3 * time.Second

func (a *app) doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Say in plain words why devices do not meet, and what to do",
		Long: `Say in plain words why devices do not meet, and what to do: which networks this
device has, what it asked and heard on each, who was heard, who is not reached and
why, and whose clock is wrong. Where musafir is not up, it looks for some seconds.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			doc, err := a.examine(c.Context())
			if err != nil {
				return err
			}
			return answer(a, doc, printDoctor)
		},
	}
}

// examine asks the daemon, or looks itself. It looks even where there is no camp.
func (a *app) examine(ctx context.Context) (json.RawMessage, error) {
	c, err := a.connectOr(ctx, reach{look: true})
	if ctx.Err() != nil {
		return nil, errInterrupted
	}
	if err != nil {
		return examineShut(ctx, err)
	}
	doc, err := c.call(ctx, http.MethodGet, "/v1/doctor", nil)
	return doc, errors.Join(err, c.close())
}

// examineShut looks at the network of a device whose data does not open.
func examineShut(ctx context.Context, why error) (json.RawMessage, error) {
	finder := discovery.New(discovery.Config{})
	if err := watchNetwork(ctx, finder.Run); err != nil {
		return nil, err
	}
	f := doctor.Facts{Look: doctor.Shut, Trouble: troubleOf(why)}
	doc := diagnose(f, finder.Report())
	return json.Marshal(doc.Document())
}

func troubleOf(err error) doctor.Finding {
	f := doctor.Finding{Level: doctor.Problem, Text: err.Error() + "."}
	var h hint
	switch {
	case errors.Is(err, store.ErrNoCamp):
		f.Remedy = "Make one: musafir up. Or join one: musafir join CODE"
	case errors.As(err, &h):
		f.Remedy = h.remedy
	}
	return f
}

// watchNetwork lets a finder run for some seconds.
func watchNetwork(ctx context.Context, run func(context.Context) error) error {
	looking, stop := context.WithTimeout(ctx, lookFor)
	defer stop()
	var wg sync.WaitGroup
	wg.Go(func() { _ = run(looking) }) // what it cannot do is in its report
	wg.Wait()
	if ctx.Err() != nil {
		return errInterrupted
	}
	return nil
}

type doctorDoc struct {
	Interfaces []api.Interface `json:"interfaces"`
	Heard      []api.Heard     `json:"heard"`
	Findings   []api.Finding   `json:"findings"`
}

func printDoctor(w io.Writer, doc doctorDoc) {
	printInterfaces(w, doc.Interfaces)
	printHeard(w, doc.Heard)
	for _, f := range doc.Findings {
		fmt.Fprintf(w, "%s: %s\n", levelWords[f.Level], printable(f.Text))
		if f.Remedy != "" {
			fmt.Fprintf(w, "  To do: %s\n", printable(f.Remedy))
		}
	}
}

var levelWords = map[string]string{string(doctor.Problem): "PROBLEM", string(doctor.Note): "Note", string(doctor.OK): "OK"}

// printInterfaces leaves out those that lead nowhere: loopback, and containers in which
// nobody was heard.
func printInterfaces(w io.Writer, list []api.Interface) {
	hidden := 0
	fmt.Fprintln(w, "INTERFACE\tADDRESSES\tASKED\tHEARD\tSTATE")
	for i := range list {
		switch x := &list[i]; {
		case x.Loopback:
		case x.Virtual && x.Heard == 0:
			hidden++
		default:
			fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\n", printable(x.Name), cmp.Or(joined(x.Addresses), "none"), x.Asked, heardWords(x), x.State)
		}
	}
	fmt.Fprintln(w)
	if hidden > 0 {
		fmt.Fprintf(w, "Not shown: %s of VPNs and containers.\n\n", count(uint64(hidden), "interface", "interfaces"))
	}
}

func heardWords(x *api.Interface) string {
	if x.Others == 0 {
		return fmt.Sprint(x.Heard)
	}
	return fmt.Sprintf("%d (others: %d)", x.Heard, x.Others)
}

func printHeard(w io.Writer, list []api.Heard) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintln(w, "HEARD\tAT\tON\tLAST\tCONTACT")
	for i := range list {
		h := &list[i]
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", cmp.Or(printable(h.Name), "device "+idEnd(h.ID)), cmp.Or(joined(h.Addresses), "no address"),
			printable(h.Interface), localText(h.LastHeard), heardContact(h))
	}
	fmt.Fprintln(w)
}

func heardContact(h *api.Heard) string {
	switch {
	case h.Connected:
		return "in touch"
	case h.Name == "":
		return "not in this camp"
	case h.Same:
		return "none; it holds the same"
	}
	return "none"
}

func joined(texts []string) string { return strings.Join(texts, ", ") }

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"musafir/node/api"
)

type devicesDoc struct {
	Recovery string       `json:"recovery"`
	Devices  []api.Device `json:"devices"`
}

func (a *app) devicesCommand() *cobra.Command {
	c := listing(a, "devices", "List the devices of the camp, and change them", "/v1/devices", printDevices)
	c.AddCommand(a.recoverCommand())
	return c
}

func printDevices(w io.Writer, doc devicesDoc) {
	names := doc.names()
	for _, d := range doc.Devices {
		by := "made the camp"
		switch d.By {
		case "":
		case doc.Recovery:
			by = "by the recovery key"
		default:
			by = "admitted by " + names.of(d.By)
		}
		notes := lineageWords(&d.Lineage)
		if d.Self {
			notes = append([]string{"this device"}, notes...)
		}
		line := fmt.Sprintf("%s\t%s\t%s %s\t%s\t%s", printable(d.Name), d.Role, by, localText(d.Admitted), d.ID, strings.Join(notes, "; "))
		fmt.Fprintln(w, strings.TrimSuffix(line, "\t"))
	}
}

// lineageWords say what a device was before, and where else its data is.
func lineageWords(l *api.Lineage) (words []string) {
	if n := len(l.Former); n > 0 && l.Renewed != "" {
		words = append(words, fmt.Sprintf("copied or restored: it has this id since %s, before that %s", localText(l.Renewed), idEnd(l.Former[n-1])))
	}
	if len(l.Twins) > 0 {
		words = append(words, "its data goes on as "+strings.Join(ends(l.Twins), ", ")+" too")
	}
	return words
}

func ends(ids []string) []string {
	short := make([]string, len(ids))
	for i, id := range ids {
		short[i] = idEnd(id)
	}
	return short
}

// localText is a time of the API in local time.
func localText(text string) string {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return text
	}
	return localTime(t)
}

// deviceNames are what people call the devices, by id.
type deviceNames map[string]string

// names gives those of the same name the end of their id too.
func (doc *devicesDoc) names() deviceNames {
	count := map[string]int{}
	for _, d := range doc.Devices {
		count[d.Name]++
	}
	names := deviceNames{}
	for _, d := range doc.Devices {
		name := printable(d.Name)
		if count[d.Name] > 1 {
			name += " (" + idEnd(d.ID) + ")"
		}
		names[d.ID] = name
		for _, id := range d.Former {
			if other := names[id]; other != "" && other != name { // of several copies
				names[id] = printable(d.Name) + " (" + idEnd(id) + ")"
			} else {
				names[id] = name
			}
		}
	}
	return names
}

// of is a device's name, or the end of its id where it has none.
func (n deviceNames) of(id string) string {
	if name := n[id]; name != "" {
		return name
	}
	return idEnd(id)
}

// idEnd tells devices apart: ids begin alike.
func idEnd(id string) string { return "..." + id[max(0, len(id)-6):] }

// names are those of the camp's devices; none where the answer is printed as it is.
func (a *app) names(ctx context.Context, c *client) (deviceNames, error) {
	if a.json {
		return nil, nil
	}
	raw, err := c.call(ctx, http.MethodGet, "/v1/devices", nil)
	if err != nil {
		return nil, err
	}
	var doc devicesDoc
	if err := json.Unmarshal(raw, &doc); err != nil {
		return nil, fmt.Errorf("read musafir's answer: %w", err)
	}
	return doc.names(), nil
}

package hikma

import (
	"errors"
	"io"
	"slices"
	"strconv"

	"musafir/node/clinic"
)

// A changesWriter writes rows as the app reads them: of each table a list of those that are
// created, one of those that are updated, and an empty one.
type changesWriter struct {
	w     io.Writer
	b     []byte
	table string
	done  []string // tables before that
	form  clinic.Form
	begun bool
	more  bool // a row stands in the list that is open
}

const changesFlush = 32 << 10

// errOrder is a defect of ours. The app takes only the last of two lists of the same name, so
// what stands in the other would be lost without a word.
var errOrder = errors.New("the rows for a phone come in the wrong order")

// row adds a row. They come table by table, of each those that are created first.
func (c *changesWriter) row(table string, form clinic.Form, row []byte) error {
	if slices.Contains(c.done, table) || table == c.table && form < c.form {
		return errOrder
	}
	c.open(table, form)
	if c.more {
		c.b = append(c.b, ',')
	}
	c.more = true
	c.b = append(c.b, row...)
	if len(c.b) < changesFlush {
		return nil
	}
	return c.flush()
}

func (c *changesWriter) flush() error {
	_, err := c.w.Write(c.b)
	c.b = c.b[:0]
	return err
}

// open goes to the list in which a row belongs.
func (c *changesWriter) open(table string, form clinic.Form) {
	if !c.begun {
		c.b = append(c.b, `{"changes":{`...)
		c.begun = true
	}
	if table != c.table {
		c.close()
		if c.table != "" {
			c.b, c.done = append(c.b, ','), append(c.done, c.table)
		}
		c.b = append(strconv.AppendQuote(c.b, table), `:{"created":[`...)
		c.table, c.form, c.more = table, clinic.Created, false
	}
	if form != c.form {
		c.b = append(c.b, `],"updated":[`...)
		c.form, c.more = form, false
	}
}

// close ends the table that is open.
func (c *changesWriter) close() {
	if c.table == "" {
		return
	}
	if c.form == clinic.Created {
		c.b = append(c.b, `],"updated":[`...)
	}
	c.b = append(c.b, `],"deleted":[]}`...)
}

// end writes the rest, with the watermark that the phone gets.
func (c *changesWriter) end(watermark int64) error {
	if !c.begun {
		c.b = append(c.b, `{"changes":{`...)
	}
	c.close()
	c.b = append(strconv.AppendInt(append(c.b, `},"timestamp":`...), watermark, 10), '}')
	return c.flush()
}

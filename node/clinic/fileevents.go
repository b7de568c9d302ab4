package clinic

import (
	"cmp"
	"slices"

	"musafir/crdt"
)

// eventKinds are the types of fields in event forms, and what the app calls them.
var eventKinds = []struct{ name, fieldType, inputType string }{
	{"text", "free-text", "text"},
	{"number", "free-text", "number"},
	{"email", "free-text", "email"},
	{"tel", "free-text", "tel"},
	{"yes_no", "binary", "radio"},
	{"radio", "options", "radio"},
	{"select", "options", "select"},
	{"checkbox", "options", "checkbox"},
	{"date", "date", "date"},
	{"diagnosis", "diagnosis", "select"},
	{"medicine", "medicine", "input-group"},
	{"file", "file", "file"},
	{"note", "text", "text"},
	{"separator", "separator", "text"},
}

// An eventField is one as the app reads it.
type eventField struct {
	ID          string        `json:"id"`
	Name        string        `json:"name"`
	Description string        `json:"description"`
	FieldType   string        `json:"fieldType"`
	InputType   string        `json:"inputType"`
	Required    bool          `json:"required"`
	Multi       bool          `json:"multi"`
	Options     []eventOption `json:"options"`
	Units       []eventOption `json:"units,omitempty"`
	Content     string        `json:"content,omitempty"`
	Size        string        `json:"size,omitempty"`
}

type eventOption struct {
	Value string `json:"value"`
	Label string `json:"label"`
}

// A translation is a field's texts in other languages; of the form itself under names
// that no field has.
type translation struct {
	FieldID     string           `json:"fieldId"`
	Name        words            `json:"name"`
	Description words            `json:"description"`
	Options     map[string]words `json:"options"`
}

const (
	formNameField        = "__form_name__"
	formDescriptionField = "__form_description__"
)

// An eventForm is under way from the file to the app's columns.
type eventForm struct {
	object
	key          string
	language     string
	fields       []eventField
	translations []translation
}

func (r *fileReader) eventForms(o object) {
	for _, n := range o.list("event_forms") {
		f := eventForm{object: r.object(n, "an event form", "name", "key", "id", "description", "language", "is_editable", "is_snapshot_form", "clinics", "fields"),
			language: languageDefault, fields: []eventField{}, translations: []translation{}}
		if text, ok := f.text("language"); ok {
			f.language = text
			if !languageCode.MatchString(text) {
				r.fail(n.line, "%q is no code of a language, such as en or ar", text)
			}
		}
		r.want(f.take())
	}
}

func (f *eventForm) take() Want {
	name, ok := f.words("name", f.language)
	if !ok || name[f.language] == "" {
		f.r.fail(f.line, "an event form needs \"name\"")
	}
	f.key = f.object.key(name[f.language])
	description, told := f.words("description", f.language)
	w := f.row("event_forms", f.id("event_forms", f.key), name[f.language])
	w.set("name", crdt.Text(name[f.language]), true)
	w.set("description", crdt.Text(description[f.language]), told)
	w.set("language", crdt.Text(f.language), true)
	f.flags(&w, true, "is_editable")
	f.flags(&w, false, "is_snapshot_form")
	f.translate(translation{FieldID: formNameField, Name: name})
	f.translate(translation{FieldID: formDescriptionField, Name: description})
	if len(f.list("fields")) == 0 {
		f.r.fail(f.line, "an event form needs \"fields\"")
	}
	for _, n := range f.list("fields") {
		f.field(n)
	}
	_, limited := f.get("clinics")
	w.set("clinic_ids", jsonText(append([]string{}, f.clinics("clinics")...)), limited)
	w.set("form_fields", jsonText(f.fields), true)
	w.set("translations", jsonText(f.translations), true)
	return w
}

// translate keeps the texts of a field that there are in more than the form's language.
func (f *eventForm) translate(t translation) {
	more := len(t.Name) > 1 || len(t.Description) > 1
	for _, o := range t.Options {
		more = more || len(o) > 1
	}
	if !more {
		return
	}
	for _, w := range []*words{&t.Name, &t.Description} {
		if *w == nil {
			*w = words{}
		}
	}
	if t.Options == nil {
		t.Options = map[string]words{}
	}
	f.translations = append(f.translations, t)
}

func (f *eventForm) field(n node) {
	o := f.r.object(n, "a field of an event form", "name", "key", "id", "type", "description", "required", "options", "multi", "units", "content", "size")
	name, _ := o.words("name", f.language)
	description, _ := o.words("description", f.language)
	key, kind := o.key(name[f.language]), o.kind()
	field := eventField{ID: o.id("event_field", f.key, key), Name: name[f.language], Description: description[f.language]}
	for _, k := range eventKinds {
		if k.name == kind {
			field.FieldType, field.InputType = k.fieldType, k.inputType
		}
	}
	f.checkField(n, field, key, kind)
	field.Required, _ = o.bool("required", false)
	field.Multi, _ = o.bool("multi", kind == "checkbox")
	field.Content, _ = o.text("content")
	if isDisplay(kind) {
		field.Size = o.oneOf("size", "md", "xxl", "xl", "lg", "md", "sm")
	}
	t := translation{FieldID: field.ID, Name: name, Description: description}
	field.Units, _ = f.options(o, "units")
	field.Options, t.Options = f.choices(o, kind)
	f.translate(t)
	f.fields = append(f.fields, field)
}

// isDisplay tells whether a field is only there to be read.
func isDisplay(kind string) bool { return kind == "note" || kind == "separator" }

// checkField wants a name, by which the app keeps what is filled in, and one of its own.
func (f *eventForm) checkField(n node, field eventField, key, kind string) {
	switch {
	case isDisplay(kind) && key == "":
		f.r.fail(n.line, "a field of the type %q needs \"key\"", kind)
	case !isDisplay(kind) && field.Name == "":
		f.r.fail(n.line, "a field of an event form needs \"name\"")
	}
	if slices.ContainsFunc(f.fields, func(x eventField) bool { return x.ID == field.ID || x.Name != "" && x.Name == field.Name }) {
		f.r.fail(n.line, "the field %q stands in the form already", cmp.Or(field.Name, key))
	}
}

// choices are what one may choose in a field.
func (f *eventForm) choices(o object, kind string) ([]eventOption, map[string]words) {
	options, texts := f.options(o, "options")
	if len(options) > 0 {
		return options, texts
	}
	switch kind {
	case "yes_no":
		return yesNo(f.language)
	case "radio", "select", "checkbox":
		f.r.fail(o.line, "a field of the type %q needs \"options\"", kind)
	}
	return options, texts
}

func (o object) kind() string {
	var kinds []string
	for _, k := range eventKinds {
		kinds = append(kinds, k.name)
	}
	return o.oneOf("type", "text", kinds...)
}

// options are texts, or {value: ..., en: ..., ar: ...}. Without a value it is the text in
// the form's language that a record keeps.
func (f *eventForm) options(o object, key string) ([]eventOption, map[string]words) {
	options, texts := []eventOption{}, map[string]words{}
	for _, n := range o.list(key) {
		label := f.r.words(n, "an option", f.language, "value")
		value := label[f.language]
		for _, m := range n.members {
			if m.key == "value" {
				value = f.r.textOf(m.value, "\"value\"")
			}
		}
		if _, twice := texts[value]; twice {
			f.r.fail(n.line, "the option %q stands here already", value)
		}
		options, texts[value] = append(options, eventOption{value, label[f.language]}), label
	}
	return options, texts
}

var yes, no = words{"en": "Yes", "ar": "نعم"}, words{"en": "No", "ar": "لا"}

func yesNo(language string) ([]eventOption, map[string]words) {
	if yes[language] == "" {
		language = languageDefault
	}
	return []eventOption{{"yes", yes[language]}, {"no", no[language]}}, map[string]words{"yes": yes, "no": no}
}

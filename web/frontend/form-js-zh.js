/**
 * Every English literal of @bpmn-io/form-js-viewer a person can meet, with its Chinese.
 *
 * form-js has no translation service, so the build replaces exact source text. Each entry is
 * [source text, replacement, how often it must occur]; the pinned version and the counts make a silent change
 * of the library a failed build. The bpmn.io mark ("Powered by bpmn.io") is left as it is, as its licence asks.
 */
export const VERSION = '1.23.0';

/** @type {[from: string, to: string, count: number][]} */
export const REPLACEMENTS = [
  // validation
  ["'Field is required.'", "'此项必须填写。'", 1],
  ["'Value is not a number.'", "'请填写数字。'", 1],
  [
    "'Value is expected to ' + (decimalDigits === 0 ? 'be an integer' : `have at most ${decimalDigits} decimal digit${decimalDigits > 1 ? 's' : ''}`) + '.'",
    "(decimalDigits === 0 ? '请填写整数。' : `小数最多 ${decimalDigits} 位。`)",
    1,
  ],
  [
    '`Please select a valid value, the two nearest valid values are ${previousValue} and ${nextValue}.`',
    '`此数不在可选的间隔上，最近的两个是 ${previousValue} 和 ${nextValue}。`',
    1,
  ],
  ['`Field must match pattern ${validation.pattern}.`', "'格式不符合要求，请检查后重填。'", 1],
  ['`Field must have minimum value of ${validation.min}.`', '`不能小于 ${validation.min}。`', 1],
  ['`Field must have maximum value of ${validation.max}.`', '`不能大于 ${validation.max}。`', 1],
  ["'Min validation value is not a valid number.'", "'表单里设定的最小值不是数字，请告知安委办。'", 1],
  ["'Max validation value is not a valid number.'", "'表单里设定的最大值不是数字，请告知安委办。'", 1],
  ['`Field must have minimum length of ${validation.minLength}.`', '`至少填写 ${validation.minLength} 个字。`', 1],
  ['`Field must have maximum length of ${validation.maxLength}.`', '`最多填写 ${validation.maxLength} 个字。`', 1],
  [
    "'Field must be a valid  international phone number. (e.g. +4930664040900)'",
    "'电话号码格式不对，请连同国家代码填写，如 +8613900000000。'",
    1,
  ],
  ["'Field must be a valid email.'", "'电子邮箱格式不对，如 name@example.cn。'", 1],
  ["'Date and time must both be entered.'", "'日期和时间都要填写。'", 1],
  // lists and selects
  ["emptyListMessage = 'No results'", "emptyListMessage = '没有符合的选项'", 1],
  ["hasOptionsLeft ? 'No results' : 'All values selected'", "hasOptionsLeft ? '没有符合的选项' : '已全部选上'", 1],
  ["placeholder: 'Search'", "placeholder: '输入文字查找'", 1],
  ["placeholder: disabled || readonly ? undefined : 'Search'", "placeholder: disabled || readonly ? undefined : '输入文字查找，可选多个'", 1],
  ['label: "Skip to search"', 'label: "跳到查找"', 1],
  ['title: "Remove tag"', 'title: "移除"', 1],
  // numbers
  ['"aria-label": "Increment"', '"aria-label": "加一档"', 1],
  ['"aria-label": "Decrement"', '"aria-label": "减一档"', 1],
  // tables
  ["'Nothing to show.'", "'暂无内容'", 1],
  ['children: "Nothing to show."', 'children: "暂无内容"', 1],
  ['"aria-label": "Previous page"', '"aria-label": "上一页"', 1],
  ['"aria-label": "Next page"', '"aria-label": "下一页"', 1],
  ['`Click to sort by ${label} descending`', '`点击按 ${label} 降序排列`', 1],
  ["'Click to remove sorting'", "'点击取消排序'", 1],
  ['`Click to sort by ${label} ascending`', '`点击按 ${label} 升序排列`', 1],
  // files, pictures, embedded pages
  ['children: "Browse"', 'children: "选择文件"', 1],
  ["'No files selected'", "'未选择文件'", 1],
  ['`${files.length} files selected`', '`已选择 ${files.length} 个文件`', 1],
  ["'Document reference is not defined.'", "'没有指明要预览的文件。'", 1],
  ["['Unable to download document']", "['文件下载失败']", 1],
  ["errorMessage = 'Unable to download document'", "errorMessage = '文件下载失败'", 1],
  ['`Download ${fileName}`', '`下载 ${fileName}`', 1],
  ['alt: "This is an image placeholder"', 'alt: "图片占位"', 1],
  ['text: "No content to show."', 'text: "暂无内容。"', 1],
  ['text: "External content couldn\'t be loaded."', 'text: "外部内容无法载入。"', 1],
  // repeated groups
  ["\" \", 'Add new'", "\" \", '增加一行'", 1],
  ['`Expand all (${values.length - 1})`', '`全部展开（还有 ${values.length - 1} 行）`', 1],
  ['`Remove list item ${itemIndex + 1}`', '`删除第 ${itemIndex + 1} 行`', 1],
  // dates: one unambiguous order for everybody, whatever the browser's language
  ["getLocaleDateFormat(locale = 'default')", "getLocaleDateFormat(locale = 'sv-SE')", 1],
  ['placeholder: getLocaleReadableDateFormat()', 'placeholder: "年-月-日"', 1],
  // The earliest date is parsed with the display format, so it has to be written in it.
  ["'01/01/1900'", "'1900-01-01'", 1],
];

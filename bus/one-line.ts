/** What would begin a line, speak to a terminal, or turn the order in which text is read. */
const NOT_PLAIN = /[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]+/gu

/** Text from elsewhere on one line, unable to steer a terminal or to look like other lines. */
export const oneLine = (text: string): string => text.replace(NOT_PLAIN, ' ')
